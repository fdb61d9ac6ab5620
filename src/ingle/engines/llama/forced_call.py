"""A tool call that must be made: the engine's own ``tool_choice: required`` only asks for one.

The prompt is rendered with the tools and, where the template writes calls
between ``<tool_call>`` tags, continued with the opening tag; a schema then
leaves the model nothing to write but a call of one of the tools.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from typing import Any

from ingle.capabilities.chat.operation import Chat
from ingle.engines.llama.request import parameters
from ingle.operations import Event, Finish, Text, ToolCallPiece

OPENING_TAG = "<tool_call>"
_HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*"([^"\\]+)"\s*,\s*"arguments"\s*:\s*')
_TAIL = re.compile(r"[\s}]*$")


def is_forced(operation: Chat) -> bool:
    """The caller leaves the model no choice whether to call a tool."""
    return bool(operation.tools) and operation.tool_choice not in {"auto", "none"}


def call_schema(operation: Chat) -> dict[str, Any]:
    """The schema of a call of one of the allowed tools."""
    allowed = [tool for tool in operation.tools if operation.tool_choice in {"required", tool.name}]
    calls = [
        {
            "type": "object",
            "properties": {
                "name": {"const": tool.name},
                "arguments": parameters(tool),
            },
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for tool in allowed
    ]
    return calls[0] if len(calls) == 1 else {"anyOf": calls}


def call_grammar(operation: Chat) -> str:
    """A call by the schema, and a line's end, which templates write before the closing tag.

    Vocabularies have tokens such as `"}}` with a line's end. Where a model wants one and the bare
    schema refuses it, what is left to choose from are tokens that don't end the text at all.
    """
    schema = json.dumps(call_schema(operation), separators=(",", ":"))
    return f'%llguidance {{}}\nstart: call "\\n"?\ncall: %json {schema}'


class CallReader:
    """Turns the text of one forced call into `ToolCallPiece`s, as it arrives."""

    def __init__(self) -> None:
        self._buffer = ""
        self._begun = False
        self._said = False

    def events(self, event: Event) -> Iterator[Event]:
        """The events that stand for one of the completion's."""
        match event:
            case Text(text=text, index=index):
                self._buffer += text
                yield from self._pieces(index)
            case Finish(reason=reason, index=index):
                yield from self._rest(index, whole=reason == "stop")
                yield Finish(reason="tool_calls" if reason == "stop" else reason, index=index)
            case _:
                yield event

    def _pieces(self, index: int) -> Iterator[Event]:
        if not self._begun:
            head = _HEAD.match(self._buffer)
            if head is None:
                return
            self._begun = True
            self._buffer = self._buffer[head.end() :]
            identifier = f"call_{secrets.token_hex(12)}"
            yield ToolCallPiece(call=0, id=identifier, name=head[1], index=index)
        # The last closing brace is the call's own, not the arguments': hold back what may be it.
        tail = _TAIL.search(self._buffer)
        ready = self._buffer[: tail.start()] if tail else self._buffer
        self._buffer = self._buffer[len(ready) :]
        if not self._said:
            ready = ready.lstrip()
        if ready:
            self._said = True
            yield ToolCallPiece(call=0, arguments=ready, index=index)

    def _rest(self, index: int, *, whole: bool) -> Iterator[Event]:
        rest = self._buffer.rstrip()
        if whole:
            rest = rest.removesuffix("}").rstrip()
        if self._begun and rest:
            yield ToolCallPiece(call=0, arguments=rest, index=index)
        self._buffer, self._begun, self._said = "", False, False
