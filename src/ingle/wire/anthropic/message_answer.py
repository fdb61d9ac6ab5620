"""Message answers, whole and streamed (API documentation, "Streaming Messages").

The order of a stream, which tests hold: ``message_start``, ``ping``, then per
block ``content_block_start``, deltas, ``content_block_stop``; ``message_delta``
with the stop reason and the usage; ``message_stop``. Blocks are numbered from 0
and never overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingle.errors import IngleError
from ingle.operations import (
    ChatResult,
    Event,
    Finish,
    Note,
    Reasoning,
    Started,
    Status,
    Text,
    ToolCallPiece,
    Usage,
)
from ingle.wire import sse
from ingle.wire.anthropic.errors import error_event
from ingle.wire.anthropic.toolsets import Members
from ingle.wire.notes import notes_member

_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "cancelled": "end_turn",
}
NONE: Members = {}
_CLOSED = b"}}\n\n"


def message(
    result: ChatResult, *, identifier: str, notes: Sequence[str] = (), members: Members = NONE
) -> bytes:
    """The whole answer."""
    choice = result.choices[0]
    content: list[dict[str, Any]] = []
    if choice.reasoning:
        content.append({"type": "thinking", "thinking": choice.reasoning, "signature": ""})
    if choice.text or not choice.tool_calls:
        content.append({"type": "text", "text": choice.text})
    for at, call in enumerate(choice.tool_calls):
        identity = call.id or _tool_id(identifier, at)
        content.append(_tool_use(identity, call.name, call.argument_object, members))
    reason = stop_reason(choice.finish or "stop", choice.stop, called=bool(choice.tool_calls))
    return sse.encode(
        {
            "id": identifier,
            "type": "message",
            "role": "assistant",
            "model": result.model,
            "content": content,
            **reason,
            "usage": usage_object(result.usage),
            "ingle": {
                "where": result.where,
                "digest": result.digest,
                **notes_member([*notes, *result.notes]).get("ingle", {}),
            },
        }
    )


def stop_reason(finish: str, stop: str, *, called: bool) -> dict[str, str | None]:
    """``stop_reason`` and ``stop_sequence``."""
    if called and finish == "stop":
        finish = "tool_calls"
    if stop and finish == "stop":
        return {"stop_reason": "stop_sequence", "stop_sequence": stop}
    return {"stop_reason": _REASONS[finish], "stop_sequence": None}


def usage_object(usage: Usage) -> dict[str, Any]:
    """``input_tokens`` are those evaluated; what came from the cache is counted beside them."""
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
    }


class MessageStream:
    """The events of one streamed answer (its first choice; the API has no other)."""

    content_type = sse.CONTENT_TYPE

    def __init__(
        self,
        *,
        identifier: str,
        model: str,
        notes: Sequence[str] = (),
        members: Members = NONE,
    ) -> None:
        self._members = members
        self._notes = notes
        self._answer_notes: list[Note] = []
        self._id = identifier
        self._model = model
        self._began = False
        self._kind = ""
        self._index = -1
        self._head = b""
        self._finish = Finish(reason="stop")
        self._usage = Usage(prompt_tokens=0)
        self._counted = False
        self._called = False

    def add(self, event: Event) -> bytes:
        """The bytes an event adds."""
        match event:
            case Text(text=text):
                if self._kind == "text":
                    return self._head + sse.encode(text) + _CLOSED
                opening = self._block("text", {"type": "text", "text": ""}, b'"text_delta","text":')
                return opening + self.add(event)
            case Reasoning(text=text):
                if self._kind == "thinking":
                    return self._head + sse.encode(text) + _CLOSED
                block = {"type": "thinking", "thinking": "", "signature": ""}
                opening = self._block("thinking", block, b'"thinking_delta","thinking":')
                return opening + self.add(event)
            case ToolCallPiece():
                return self._tool(event)
            case Started(model=model):
                self._model = model
            case Note():
                self._answer_notes.append(event)
            case Finish():
                self._finish = event
            case Usage():
                self._usage = event
            case Status(state="prompt", completed=completed, total=total) if (
                total and not self._counted
            ):
                # The first one says what is there already: nothing was evaluated yet.
                self._counted = True
                self._usage = Usage(prompt_tokens=total, cached_tokens=completed)
            case _:
                pass
        return b""

    def end(self) -> bytes:
        """The last block's end, the stop reason and the usage."""
        opening = b""
        if not self._began:
            opening = self._block("text", {"type": "text", "text": ""}, b'"text_delta","text":')
        delta = stop_reason(self._finish.reason, self._finish.stop, called=self._called)
        return (
            opening
            + self._close()
            + sse.named(
                "message_delta",
                {
                    "type": "message_delta",
                    "delta": delta,
                    "usage": usage_object(self._usage),
                    **notes_member(self._answer_notes),
                },
            )
            + sse.named("message_stop", {"type": "message_stop"})
        )

    def fail(self, error: IngleError) -> bytes:
        """An ``error`` event, and no ``message_stop``."""
        return sse.named("error", error_event(error))

    def _tool(self, piece: ToolCallPiece) -> bytes:
        kind = f"tool{piece.call}"
        opening = b""
        if self._kind != kind:
            identity = piece.id or _tool_id(self._id, piece.call)
            block = _tool_use(identity, piece.name, {}, self._members)
            opening = self._block(kind, block, b'"input_json_delta","partial_json":')
            self._called = True
        if not piece.arguments:
            return opening
        return opening + self._head + sse.encode(piece.arguments) + _CLOSED

    def _block(self, kind: str, block: dict[str, Any], delta: bytes) -> bytes:
        before = self._start() + self._close()
        self._kind = kind
        self._index += 1
        start = {"type": "content_block_start", "index": self._index, "content_block": block}
        self._head = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
            b'"delta":{"type":' % self._index
        ) + delta
        return before + sse.named("content_block_start", start)

    def _close(self) -> bytes:
        if not self._kind:
            return b""
        self._kind = ""
        stop = {"type": "content_block_stop", "index": self._index}
        return sse.named("content_block_stop", stop)

    def _start(self) -> bytes:
        if self._began:
            return b""
        self._began = True
        opened: dict[str, Any] = {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_object(self._usage),
        }
        opened |= notes_member(self._notes)
        return sse.named("message_start", {"type": "message_start", "message": opened}) + sse.named(
            "ping", {"type": "ping"}
        )


def _tool_use(identity: str, name: str, given: dict[str, Any], members: Members) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "tool_use",
        "id": identity,
        "name": name,
        "input": given,
        "caller": {"type": "direct"},
    }
    member = members.get(name)
    if member is None:
        return found
    return {**found, "name": member.name, "toolset_name": member.toolset}


def _tool_id(identifier: str, call: int) -> str:
    return f"toolu_{identifier.rpartition('_')[2]}{call}"
