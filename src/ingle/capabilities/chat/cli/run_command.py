"""``ingle run``: ask one thing."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ingle.capabilities.chat.cli.chat_command import WITH, converse
from ingle.capabilities.chat.cli.generation_options import (
    generation_options,
    read_schema,
    request_fields,
)
from ingle.capabilities.chat.cli.image_files import read_image, read_recording
from ingle.capabilities.chat.cli.timing import describe, limit_of
from ingle.capabilities.chat.conversation import take_sampling
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.store.cli.offering import pulling_if_agreed
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output
from ingle.cli.stdin import is_interactive, piped
from ingle.cli.unused_graphics import tell_unused_graphics, untold_graphics
from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.operations import Ability, Event, Fold, Reasoning, Text

if TYPE_CHECKING:
    from ingle.capabilities.chat.conversation import AsyncChat
    from ingle.node.node import Node

_OF_CHATS = {"system", "think"}
"""Options that a completion has no use for."""


@click.command("run")
@click.argument("words", nargs=-1, metavar='[MODEL] ["PROMPT"]')
@click.option("-hf", "--hf", "repo", default="", metavar="REPO", help="A Hugging Face repository.")
@click.option(
    "--image",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="A picture that the question is about; may be given several times.",
)
@click.option(
    "--audio",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="A recording that the question is about; may be given several times.",
)
@click.option("--schema", help="JSON Schema (or its file) that the answer must satisfy.")
@click.option("--with", "collection", default="", metavar="COLLECTION", help=WITH)
@click.option("--verbose", "-v", is_flag=True, help="Print timings after the answer.")
@generation_options
@options
def run_command(
    output: Output,
    words: tuple[str, ...],
    repo: str,
    image: tuple[str, ...],
    audio: tuple[str, ...],
    schema: str | None,
    collection: str,
    verbose: bool,
    **given: Any,
) -> None:
    """Ask a model one thing; the answer goes to stdout.

    \b
    ingle run "What does grep -i do?"
    ingle run qwen3:8b
    ingle run qwen3:8b "Summarise:" < report.txt
    ingle run -hf ggml-org/gemma-3-1b-it-GGUF "Hello"
    ingle run ember --schema '{"type": "object", ...}' "..."

    What is piped in follows the prompt. With neither, a chat begins. A model that is known but not
    here can be pulled first: it asks.
    """
    model, prompt = (f"hf.co/{repo}", " ".join(words)) if repo else _split(words)
    given_on_stdin = piped()
    prompt = "\n\n".join(text for text in (prompt, given_on_stdin) if text)
    if not prompt and not image and not audio:
        if not is_interactive():
            why = f" ({model!r} alone names a model)" if model else ""
            hint = f'ingle run {model or "ember"} "your question"'
            raise InvalidRequest(f"nothing was asked{why}", hint=hint)
        converse(output, model, given, collection)
        return
    if collection:
        _ask_collection(output, collection, model, prompt, bool(image or audio or schema), given)
        return
    attached = _Attached(
        [read_image(Path(path)) for path in image], [read_recording(Path(path)) for path in audio]
    )
    fields = request_fields(given)
    chosen = read_schema(schema) if schema else None
    pulling_if_agreed(
        output,
        lambda: run(lambda: _answer(output, model, prompt, attached, chosen, fields, verbose)),
    )


def _ask_collection(
    output: Output, collection: str, model: str, prompt: str, more: bool, given: dict[str, Any]
) -> None:
    """Raises InvalidRequest: options were given that such a question does not have."""
    from ingle.capabilities.collections.cli.answer_output import AnswerOutput
    from ingle.capabilities.collections.cli.ask_command import answer_to
    from ingle.capabilities.collections.cli.collection_chat import TAKEN
    from ingle.capabilities.collections.operation import AskCollection

    fields = request_fields(given)
    unknown = [name for name in fields if name not in TAKEN]
    if more or unknown:
        named = (
            ", ".join(f"--{name.replace('_', '-')}" for name in unknown)
            or "--image, --audio, --schema"
        )
        raise InvalidRequest(f"--with does not go together with {named}", field="with")
    taken = {TAKEN[name]: value for name, value in fields.items()}
    request = AskCollection(collection=collection, question=prompt, model=model, **taken)
    answering = AnswerOutput(output)
    run(lambda: answer_to(request, answering))
    answering.end()


async def _answer(
    output: Output,
    model: str,
    prompt: str,
    attached: _Attached,
    schema: dict[str, Any] | None,
    fields: dict[str, Any],
    verbose: bool,
) -> None:
    from ingle.client.home import open_async

    fold = Fold()
    async with open_async(otherwise="background", **flags()) as home:
        if untold_graphics(output, home.settings):
            status = await home.status(probe=True)
            tell_unused_graphics(output, home.settings, status.installed_engines)
        asked = _Asked(home.chat(model), prompt, attached, schema, fields)
        thinking = False
        async for event in _events(output, home.node, asked, fold):
            if output.json:
                continue
            match event:
                case Reasoning(text=text) if output.terminal:
                    if not thinking:
                        output.note("thinking ...")
                    thinking = True
                case Text(text=text):
                    output.text(text, end="")
                case _:
                    output.status(event)
    result = fold.result()
    if output.json:
        output.data(result)
        return
    if not result.text.endswith("\n"):
        output.text("")
    if any(choice.finish == "length" for choice in result.choices):
        output.note(f"(truncated: raise {limit_of(result, '--max-tokens', '--context')})")
    for told in result.notes:
        output.note(f"note: {told.message}")
    for call in result.tool_calls:
        output.text(f"{call.name}({call.arguments})")
    if verbose:
        output.note(describe(result.usage.prompt_tokens, result.usage.cached_tokens, result.timing))


class _Attached(NamedTuple):
    """Files that the question is about."""

    images: list[bytes]
    audio: list[bytes]


class _Asked(NamedTuple):
    """What is asked of whom."""

    chat: AsyncChat
    prompt: str
    attached: _Attached
    schema: dict[str, Any] | None
    fields: dict[str, Any]

    @property
    def plain(self) -> bool:
        """A text is to be continued, and nothing else is asked."""
        attached = any(self.attached)
        return not attached and self.schema is None and not set(self.fields) & _OF_CHATS


async def _events(
    output: Output, node: Node, asked: _Asked, fold: Fold
) -> AsyncGenerator[Event, None]:
    """Those of a chat; of a completion, where the model has no chat template."""
    try:
        async for event in asked.chat.events(
            asked.prompt,
            images=asked.attached.images,
            audio=asked.attached.audio,
            schema=asked.schema,
            fold=fold,
            **asked.fields,
        ):
            yield event
        return
    except CapabilityMissing as error:
        if error.details.get("capability") != Ability.CHAT or not asked.plain:
            raise
        cannot = error
    model, fields = asked.chat.model, dict(asked.fields)
    sampling = take_sampling(fields)
    request = Complete(model=model, prompt=asked.prompt, sampling=sampling, **fields)
    told = output.json
    try:
        async with node.perform(request) as events:
            async for event in events:
                if not told:
                    output.note(f"{model} has no chat template: it continues the text")
                    told = True
                fold.add(event)
                yield event
    except CapabilityMissing:
        raise cannot from None


def _split(words: tuple[str, ...]) -> tuple[str, str]:
    """Model and prompt: a first word that holds a space is a prompt, else it names a model."""
    if not words:
        return "", ""
    if " " in words[0].strip() or (len(words) == 1 and not _looks_like_model(words[0])):
        return "", " ".join(words)
    return words[0], " ".join(words[1:])


def _looks_like_model(word: str) -> bool:
    """It could name a model: nothing that only prose has in it."""
    return bool(word) and not any(mark in word for mark in "?!,;'\"") and word == word.strip()
