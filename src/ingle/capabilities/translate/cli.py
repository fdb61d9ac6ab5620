"""``ingle translate``: texts and documents in another language."""

from __future__ import annotations

import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import click

from ingle.capabilities.translate.document_files import (
    FORMATS,
    NamedDocument,
    documents,
    read_glossary,
    target,
)
from ingle.capabilities.translate.operation import (
    GlossaryTerm,
    Translate,
    TranslatedBytes,
    TranslatedText,
    Translation,
    TranslationProgress,
)
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output
from ingle.cli.stdin import is_interactive
from ingle.errors import InvalidRequest
from ingle.operations import Event

MOST_PIPED = 64 << 20
"""Bytes. What is more than a request may have is refused with what to do."""


@click.command("translate")
@click.argument("files", nargs=-1, metavar="[FILE...]")
@click.option("--to", "-t", required=True, metavar="LANG", help="Language wanted, such as de.")
@click.option("--from", "-f", "source", default="", metavar="LANG", help="Default: detected.")
@click.option(
    "--model", "-m", default="", help="One that translates or chats. Default: one that is here."
)
@click.option("--glossary", default="", metavar="FILE", help="Terms: a line each, TERM<tab>WORD.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: by FILE's name.")
@click.option(
    "--output", "-o", "place", default="", metavar="PATH", help="A file, or a folder for several."
)
@click.option("--on", default="", metavar="PLACE", help="A paired device that is to do it.")
@options
def translate_command(
    output: Output, files: tuple[str, ...], place: str, form: str | None, **fields: Any
) -> None:
    """Translate FILES, the documents of folders, or what is piped in.

    Markup, code, URLs, numbers and placeholders stay as they are. Documents: txt, md, html, srt,
    vtt, po, docx.

    \b
    echo "Good morning" | ingle translate --to es
    ingle translate letter.docx --to de -o brief.docx
    ingle translate docs/ --to fr -o docs-fr/
    """
    if not files and is_interactive():
        raise InvalidRequest("no text was given", hint="ingle translate --to de letter.txt")
    terms = read_glossary(Path(fields.pop("glossary"))) if fields["glossary"] else []
    fields.pop("glossary", None)
    fields["glossary"] = [GlossaryTerm(source=one, target=other) for one, other in terms]
    if not files or files == ("-",):
        fields["format"] = form or "text"
        text = _piped()
        run(lambda: _text(output, text, place, fields))
        return
    found = documents(files, form or "")
    if len(found) > 1 and not place:
        raise InvalidRequest(
            f"{len(found)} files: where are their translations to go?",
            hint="--output FOLDER",
            field="output",
        )
    run(lambda: _documents(output, found, place, fields))


def _piped() -> str:
    try:
        return sys.stdin.buffer.read(MOST_PIPED).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"stdin is not valid UTF-8 at byte {error.start}",
            hint="convert it, for example: iconv -f latin1 -t utf-8",
            field="stdin",
        ) from None


async def _text(output: Output, text: str, place: str, fields: dict[str, Any]) -> None:
    from ingle.client.home import open_async

    model = fields.pop("model")
    written: list[str] = []
    shown = not output.json and place in ("", "-")
    async with open_async(otherwise="background", **flags()) as home:
        model = model or home.settings.translate_model
        request = Translate(model=model, texts=[text], **fields)
        done = None
        async with aclosing(home.translating(request)) as events:
            async for event in events:
                match event:
                    case TranslatedText(text=piece):
                        written.append(piece)
                        if shown:
                            output.text(piece, end="")
                    case Translation():
                        done = event
                    case _:
                        _told(output, event, "")
    assert done is not None
    if place not in ("", "-"):
        Path(place).write_text("".join(written), encoding="utf-8")
    if output.json:
        output.data({"text": "".join(written), **_plain(done)})
    _warned(output, done)


async def _documents(
    output: Output, found: list[NamedDocument], place: str, fields: dict[str, Any]
) -> None:
    from ingle.client.home import open_async

    model = fields.pop("model")
    async with open_async(otherwise="background", **flags()) as home:
        fields["model"] = model or home.settings.translate_model
        for document in found:
            path = target(document, place, fields["to"], several=len(found) > 1)
            data, done = bytearray(), None
            asked = home.translating_document(document.path, document.format, **fields)
            async with aclosing(asked) as events:
                async for event in events:
                    match event:
                        case TranslatedBytes(data=piece):
                            data += piece
                        case Translation():
                            done = event
                        case _:
                            _told(output, event, document.path.name)
            assert done is not None
            if path is None:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                part = path.with_name(path.name + ".part")
                part.write_bytes(data)
                part.replace(path)
            if output.json and path is not None:
                output.data({"file": str(document.path), "output": str(path), **_plain(done)})
            elif path is not None:
                output.note(f"{path}: {done.sentences} sentences by {done.model}")
            _warned(output, done)


def _told(output: Output, event: Event, name: str) -> None:
    if not isinstance(event, TranslationProgress):
        output.status(event)
    elif output.terminal and name:
        output.note(f"{name}: {100 * event.completed // max(1, event.total)} %")


def _warned(output: Output, done: Translation) -> None:
    if done.untranslated:
        output.note(
            f"note: in {done.untranslated} of {done.sentences} sentences words stand as they were"
        )


def _plain(done: Translation) -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(done)
    plain.pop("event", None)
    return plain
