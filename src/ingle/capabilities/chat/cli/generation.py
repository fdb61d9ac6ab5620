"""The options of a generation, shared by ``run`` and ``chat``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ingle.errors import InvalidRequest
from ingle.operations import AdapterUse

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--system", "-s", help="What the model should know or be, first of all."),
    click.option("--temperature", "-t", type=float, help="0: always the likeliest word."),
    click.option("--top-p", type=float),
    click.option("--top-k", type=int),
    click.option("--min-p", type=float),
    click.option("--repeat-penalty", type=float),
    click.option("--seed", type=int, help="The same seed gives the same answer."),
    click.option("--max-tokens", "-n", type=int, help="Stop after this many tokens."),
    click.option("--stop", multiple=True, metavar="TEXT", help="Stop before this text."),
    click.option("--think/--no-think", default=None, help="Let the model reason first, or not."),
    click.option("--context", type=int, help="Tokens of context that are needed."),
    click.option("--keep-alive", metavar="TIME", help="Keep the model loaded, such as 30m or -1."),
    click.option("--adapter", multiple=True, metavar="NAME[=SCALE]", help="Use a LoRA adapter."),
    click.option(
        "--on",
        default="",
        metavar="PLACE",
        help="A device, an upstream, local; or a,b.",
    ),
)


def generation_options(function: F) -> F:
    """Add the options to a command; it gets them as keyword arguments."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def request_fields(given: dict[str, Any]) -> dict[str, Any]:
    """The options as fields of `Chat` and `Sampling`; those not given are left out."""
    from ingle.config.settings import parse_duration

    fields = {name: value for name, value in given.items() if value not in (None, "", ())}
    if "stop" in fields:
        fields["stop"] = list(fields["stop"])
    if "keep_alive" in fields:
        fields["keep_alive"] = parse_duration(fields["keep_alive"], "keep_alive")
    if "adapter" in fields:
        fields["adapters"] = [_adapter(text) for text in fields.pop("adapter")]
    return fields


def read_schema(text: str) -> dict[str, Any]:
    """A JSON Schema given in full, or as a file's path.

    Raises:
        InvalidRequest: not JSON, or not an object.
    """
    if not text.lstrip().startswith("{"):
        try:
            text = Path(text).read_text()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InvalidRequest(
                f"the schema file {text[:200]} cannot be read: {reason}", field="schema"
            ) from None
    try:
        schema = json.loads(text)
    except ValueError as error:
        raise InvalidRequest(f"the schema is not JSON: {error}", field="schema") from None
    if not isinstance(schema, dict):
        raise InvalidRequest("a schema is a JSON object", field="schema")
    return schema


def _adapter(text: str) -> AdapterUse:
    name, _, scale = text.partition("=")
    try:
        return AdapterUse(name=name, scale=float(scale or 1.0))
    except ValueError:
        raise InvalidRequest(f"adapter: {scale!r} is no number", field="adapter") from None
