"""``ingle translate``: texts and documents in another language."""

from __future__ import annotations

import sys
from contextlib import aclosing
from typing import Any

import click

from ingle.capabilities.translate.operation import Translate, TranslatedText, Translation
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output
from ingle.cli.stdin import is_interactive
from ingle.errors import InvalidRequest
from ingle.operations.events import Rerouted, Status, TryingPath


@click.command("translate")
@click.argument("files", nargs=-1, metavar="[FILE...]")
@click.option("--to", "-t", required=True, metavar="LANG", help="Language wanted, such as de.")
@click.option("--from", "-f", "source", default="", metavar="LANG", help="Default: detected.")
@click.option("--model", "-m", default="", help="Default: one that is here and fits.")
@click.option("--on", default="", metavar="PLACE", help="A paired device that is to do it.")
@options
def translate_command(output: Output, files: tuple[str, ...], **fields: Any) -> None:
    """Translate what is piped in."""
    if not files and is_interactive():
        raise InvalidRequest("no text was given", hint="ingle translate --to de letter.txt")
    text = sys.stdin.read()
    done = run(lambda: _translated(output, text, fields))
    if output.json:
        output.data(done)


async def _translated(output: Output, text: str, fields: dict[str, Any]) -> Any:
    from ingle.client.home import open_async

    model = fields.pop("model")
    async with open_async(otherwise="background", **flags()) as home:
        model = model or home.settings.translate_model
        request = Translate(model=model, texts=[text], **fields)
        async with aclosing(home.translating(request)) as events:
            async for event in events:
                match event:
                    case TranslatedText(text=piece):
                        if not output.json:
                            output.text(piece, end="")
                    case Status(state="loading", detail=name) if output.terminal:
                        output.note(f"loading {name} ...")
                    case TryingPath() if output.terminal:
                        output.reaching(event)
                    case Rerouted():
                        output.rerouted(event)
                    case Translation():
                        return event
    raise AssertionError("it ends with Translation or an error")
