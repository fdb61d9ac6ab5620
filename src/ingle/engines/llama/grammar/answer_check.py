"""Compares answers and calls with the schemas that they were asked for.

A grammar holds most of a schema; the rest is looked at here, when all of it is there. Patterns
are matched by an engine whose work is bounded, since whoever asks may send hostile ones.

Source: JSON Schema 2020-12, by ``jsonschema-rs``.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from ingle.engines.llama.grammar.held_schema import HeldSchema
from ingle.operations import Event, Finish, Note, Text, ToolCallPiece

LONGEST = 300
"""Characters of a value in a note."""


class AnswerCheck:
    """Passes events on, and adds notes before a choice ends.

    Args:
        tools: the parameters of each tool.
        answer: the schema of the text, if it has one.
        begun: the beginning of the text, which is there already.
    """

    def __init__(
        self, tools: Mapping[str, HeldSchema], answer: HeldSchema | None = None, begun: str = ""
    ) -> None:
        self._tools = tools
        self._answer = answer
        self._begun = begun
        self._texts: dict[int, list[str]] = {}
        self._calls: dict[int, dict[int, tuple[str, list[str]]]] = {}

    def events(self, event: Event) -> Iterator[Event]:
        """The event, after the notes that go before it."""
        match event:
            case Text(text=text, index=index) if self._answer is not None:
                self._texts.setdefault(index, []).append(text)
            case ToolCallPiece(index=index, call=call, name=name, arguments=arguments):
                calls = self._calls.setdefault(index, {})
                calls.setdefault(call, (name, []))[1].append(arguments)
            case Finish(reason=reason, index=index) if reason != "length":
                yield from self._notes(index)
        yield event

    def _notes(self, index: int) -> Iterator[Note]:
        for name, pieces in self._calls.get(index, {}).values():
            if name in self._tools:
                field = f"tools[{name}].parameters"
                yield from _compared("".join(pieces) or "{}", self._tools[name], field, index)
        if self._answer is not None and (pieces := self._texts.get(index, [])):
            yield from _compared(self._begun + "".join(pieces), self._answer, "schema", index)


def _compared(text: str, schema: HeldSchema, field: str, index: int) -> Iterator[Note]:
    if schema.dropped:
        parts = "; ".join(str(part) for part in schema.dropped)
        message = f"{field}: checked afterwards, not held while generating: {parts}"
        yield Note(code="unenforced", message=message, field=field, index=index)
    if reason := _misfit(text, schema.checked):
        yield Note(code="misfit", message=f"{field}: {reason}", field=field, index=index)


def _misfit(text: str, schema: dict[str, Any]) -> str:
    """Why a text is not JSON of a schema; empty if it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return f"what was written is not JSON: {text[:LONGEST]}"
    try:
        error = next(_validator(json.dumps(schema)).iter_errors(value), None)
    except ValueError as wrong:  # the schema itself is none
        return f"it cannot be checked: {str(wrong)[:LONGEST]}"
    if error is None:
        return ""
    place = "".join(f"/{step}" for step in error.instance_path) or "the whole"
    return f"{place} does not fit: {error.message[:LONGEST]}"


@functools.lru_cache(maxsize=256)
def _validator(schema: str) -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(
        json.loads(schema),
        validate_formats=True,
        retriever=_never,
        pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000),
    )


def _never(uri: str) -> Any:
    raise ValueError(f"{uri} is outside of the schema, and nothing is fetched")
