"""Chat answers: whole (``chat.completion``) and streamed (``chat.completion.chunk``).

Source: API reference, "The chat completion object" and "The chat completion
chunk object".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ingle.errors import IngleError
from ingle.operations import (
    ChatResult,
    Choice,
    Event,
    Finish,
    Note,
    Reasoning,
    Started,
    Status,
    Text,
    Timing,
    ToolCall,
    ToolCallPiece,
    Usage,
)
from ingle.wire import sse
from ingle.wire.notes import notes_member, texts
from ingle.wire.openai.custom_tool import ARGUMENT
from ingle.wire.openai.errors import failed_chunk
from ingle.wire.openai.usage import fingerprint, logprobs_object, place_object, usage_object
from ingle.wire.string_argument import StringArgument, string_argument

FINISH = {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "cancelled": "stop"}


def completion(
    result: ChatResult,
    *,
    identifier: str,
    created: int,
    custom: Collection[str] = (),
    notes: Sequence[str] = (),
) -> bytes:
    """The whole answer. Calls of ``custom`` tools are written with their bare input."""
    return sse.encode(
        {
            "id": identifier,
            "object": "chat.completion",
            "created": created,
            "model": result.model,
            "system_fingerprint": fingerprint(result.digest),
            "choices": [_choice(choice, identifier, custom) for choice in result.choices],
            "usage": usage_object(result.usage),
            "ingle": place_object(
                result.where, result.digest, result.timing, texts([*notes, *result.notes])
            ),
        }
    )


class ChatStream:
    """The chunks of one streamed answer.

    The constant parts of a chunk are encoded once: a piece of text costs one
    JSON string and one concatenation. What clients rely on, and tests hold: one
    ``id`` and ``created`` throughout; the role first, once per choice; a tool
    call's ``id`` and name once, its ``index`` always; ``finish_reason`` is
    ``tool_calls`` whenever a tool was called; our notes beside it; usage, if
    asked for, in a last chunk with no choices; then ``[DONE]``. Who asks for it is told how far a
    long prompt is read, as llama.cpp's server tells it: ``prompt_progress``, without choices.
    """

    content_type = sse.CONTENT_TYPE

    def __init__(
        self,
        *,
        identifier: str,
        created: int,
        model: str,
        include_usage: bool = False,
        progress: bool = False,
        custom: Collection[str] = (),
        notes: Sequence[str] = (),
    ) -> None:
        self._custom = custom
        self._notes = list(notes)
        self._inputs: dict[tuple[int, int], StringArgument] = {}
        self._id = identifier
        self._created = created
        self._include_usage = include_usage
        self._progress = progress
        self._started = Started(model=model, digest="", where="")
        self._usage = Usage(prompt_tokens=0)
        self._timing: Timing | None = None
        self._opened: dict[int, tuple[bytes, bytes, bytes]] = {}
        self._called: set[tuple[int, int]] = set()
        self._head = self._tail = b""

    def add(self, event: Event) -> bytes:
        """The bytes an event adds."""
        if isinstance(event, Text | Reasoning) and not event.logprobs:
            parts = self._opened.get(event.index)
            if parts is None:
                return self._open(event.index) + self.add(event)
            head = parts[0] if isinstance(event, Text) else parts[1]
            return head + sse.encode(event.text) + parts[2]
        match event:
            case Started():
                self._started = event
            case Usage():
                self._usage = event
            case Timing():
                self._timing = event
            case Text(text=text, index=index, logprobs=logprobs):
                return self._delta(index, {"content": text}, logprobs=logprobs_object(logprobs))
            case Reasoning(text=text, index=index):
                return self._delta(index, {"reasoning_content": text})
            case ToolCallPiece(index=index):
                return self._delta(index, {"tool_calls": [self._call(event)]})
            case Note():
                self._notes.append(event.message)
            case Status(state="prompt", completed=done, total=total) if self._progress and total:
                told = {"total": total, "processed": done}
                return sse.data({**self._envelope(), "choices": [], "prompt_progress": told})
            case Finish(index=index, reason=reason, stop=stop):
                if any(choice == index for choice, _ in self._called) and reason == "stop":
                    reason = "tool_calls"
                return self._delta(index, {}, finish=FINISH[reason], stop=stop)
            case _:
                pass
        return b""

    def end(self) -> bytes:
        """The usage chunk, if asked for, and ``[DONE]``."""
        last = b""
        if self._include_usage:
            started = self._started
            last = sse.data(
                {
                    **self._envelope(),
                    "choices": [],
                    "usage": usage_object(self._usage),
                    "ingle": place_object(started.where, started.digest, self._timing, self._notes),
                }
            )
        return last + b"data: [DONE]\n\n"

    def fail(self, error: IngleError) -> bytes:
        """An error chunk, and no ``[DONE]``: the answer is not whole."""
        return failed_chunk(error)

    def _open(self, index: int) -> bytes:
        if not self._head:
            self._head = b"data: " + sse.encode(self._envelope())[:-1]
            self._tail = b',"usage":null}\n\n' if self._include_usage else b"}\n\n"
        start = self._head + b',"choices":[{"index":%d,"delta":{' % index
        stop = b'},"logprobs":null,"finish_reason":null}]' + self._tail
        self._opened[index] = (start + b'"content":', start + b'"reasoning_content":', stop)
        return start + b'"role":"assistant","content":""' + stop

    def _delta(
        self,
        index: int,
        delta: dict[str, Any],
        *,
        logprobs: dict[str, Any] | None = None,
        finish: str | None = None,
        stop: str = "",
    ) -> bytes:
        opening = b"" if index in self._opened else self._open(index)
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        choice |= stop_reason(stop)
        ours = b""
        if finish is not None and (told := notes_member(self._notes)):
            ours = b"," + sse.encode(told)[1:-1]
        return (
            opening + self._head + b',"choices":[' + sse.encode(choice) + b"]" + ours + self._tail
        )

    def _call(self, piece: ToolCallPiece) -> dict[str, Any]:
        key = (piece.index, piece.call)
        if key not in self._called:
            self._called.add(key)
            if piece.name in self._custom:
                self._inputs[key] = StringArgument(ARGUMENT)
            identity = piece.id or call_id(self._id, piece.index, piece.call)
            opened = _call_object(
                identity, piece.name, self._written(key, piece), key in self._inputs
            )
            return {"index": piece.call, **opened}
        kind, field = ("custom", "input") if key in self._inputs else ("function", "arguments")
        return {"index": piece.call, kind: {field: self._written(key, piece)}}

    def _written(self, key: tuple[int, int], piece: ToolCallPiece) -> str:
        argument = self._inputs.get(key)
        return argument.feed(piece.arguments) if argument else piece.arguments

    def _envelope(self) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._started.model,
            "system_fingerprint": fingerprint(self._started.digest),
        }


def stop_reason(stop: str) -> dict[str, str]:
    """The sequence that ended an answer, if one did: vLLM's addition to a choice."""
    return {"stop_reason": stop} if stop else {}


def call_id(answer_id: str, choice: int, call: int) -> str:
    """A tool call's id where the engine gave none: unique, and the same whenever it is asked."""
    return f"call_{answer_id.rpartition('-')[2]}_{choice}_{call}"


def _call_object(identity: str, name: str, arguments: str, custom: bool) -> dict[str, Any]:
    if custom:
        return {"id": identity, "type": "custom", "custom": {"name": name, "input": arguments}}
    function = {"name": name, "arguments": arguments}
    return {"id": identity, "type": "function", "function": function}


def _called(call: ToolCall, identity: str, custom: Collection[str]) -> dict[str, Any]:
    if call.name in custom:
        return _call_object(identity, call.name, string_argument(call.arguments, ARGUMENT), True)
    return _call_object(identity, call.name, call.arguments, False)


def _choice(choice: Choice, identifier: str, custom: Collection[str]) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": choice.text if choice.text or not choice.tool_calls else None,
        "refusal": None,
    }
    if choice.reasoning:
        message["reasoning_content"] = choice.reasoning
    finish = choice.finish or "stop"
    if choice.tool_calls:
        finish = "tool_calls" if finish == "stop" else finish
        message["tool_calls"] = [
            _called(call, call.id or call_id(identifier, choice.index, at), custom)
            for at, call in enumerate(choice.tool_calls)
        ]
    return {
        "index": choice.index,
        "message": message,
        "logprobs": logprobs_object(choice.logprobs) if choice.logprobs else None,
        "finish_reason": FINISH[finish],
        **stop_reason(choice.stop),
    }
