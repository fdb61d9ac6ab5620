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
    click.option("--system", "-s", help="System prompt."),
    click.option("--temperature", "-t", type=float, help="Sampling temperature; 0 is greedy."),
    click.option("--top-p", type=float),
    click.option("--top-k", type=int),
    click.option("--min-p", type=float),
    click.option("--repeat-penalty", type=float),
    click.option("--seed", type=int, help="The same seed gives the same answer."),
    click.option("--max-tokens", "-n", type=int, help="Stop after this many tokens."),
    click.option("--stop", multiple=True, metavar="TEXT", help="Stop before this text."),
    click.option(
        "--think/--no-think", default=None, help="Let the model think before it answers, or not."
    ),
    click.option("--context", type=int, help="Context length in tokens."),
    click.option(
        "--keep-alive", metavar="TIME", help="How long the model stays loaded: 30m, -1 for always."
    ),
    click.option("--adapter", multiple=True, metavar="NAME[=SCALE]", help="Use a LoRA adapter."),
    click.option(
        "--on",
        default="",
        metavar="PLACE",
        help="Where to run: a device, an upstream, local; or a list.",
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
        raise InvalidRequest("the schema must be a JSON object", field="schema")
    return schema


def _adapter(text: str) -> AdapterUse:
    name, _, scale = text.partition("=")
    try:
        return AdapterUse(name=name, scale=float(scale or 1.0))
    except ValueError:
        raise InvalidRequest(f"adapter: {scale!r} is not a number", field="adapter") from None
