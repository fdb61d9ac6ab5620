"""Answers of chat and generate: one JSON object, or one per line while streaming.

Durations are whole nanoseconds. Tool calls are whole (this dialect has no
fragments), so their pieces are collected until the call is complete.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from ingle.errors import IngleError
from ingle.operations import (
    ChatResult,
    Choice,
    Event,
    Finish,
    Fold,
    Note,
    Reasoning,
    Text,
    Timing,
    TokenLogprob,
    ToolCall,
    ToolCallPiece,
    Usage,
)
from ingle.wire.notes import notes_member
from ingle.wire.ollama.errors import NDJSON, error_object
from ingle.wire.openai.usage import token_object
from ingle.wire.sse import encode

Route = Literal["chat", "generate"]

_REASONS = {"stop": "stop", "tool_calls": "stop", "length": "length", "cancelled": "stop"}


def whole(result: ChatResult, *, route: Route, model: str, created_at: str) -> bytes:
    """The whole answer; the model has the name that the client asked for."""
    choice = result.choices[0]
    found: dict[str, Any] = {"model": model, "created_at": created_at}
    if route == "chat":
        found["message"] = {"role": "assistant", "content": choice.text, **_extras(choice)}
    else:
        found |= {"response": choice.text, **_extras(choice)}
    if choice.logprobs:
        found["logprobs"] = [token_object(token) for token in choice.logprobs]
    found |= closing(_REASONS[choice.finish or "stop"], result.usage, result.timing)
    found |= notes_member(result.notes)
    return encode(found)


def presence(model: str, *, route: Route, created_at: str, loaded: bool) -> bytes:
    """The answer to a request that only loads or unloads a model."""
    found: dict[str, Any] = {"model": model, "created_at": created_at}
    found |= {"message": {"role": "assistant", "content": ""}} if route == "chat" else {}
    found |= {"response": ""} if route == "generate" else {}
    return encode({**found, "done": True, "done_reason": "load" if loaded else "unload"}) + b"\n"


def closing(reason: str, usage: Usage, timing: Timing) -> dict[str, Any]:
    """The fields that end an answer."""
    return {
        "done": True,
        "done_reason": reason,
        "total_duration": nanoseconds(timing.total_s),
        "load_duration": nanoseconds(timing.load_s),
        "prompt_eval_count": usage.prompt_tokens,
        "prompt_eval_duration": nanoseconds(timing.prompt_s),
        "eval_count": usage.completion_tokens,
        "eval_duration": nanoseconds(timing.decode_s),
    }


def nanoseconds(seconds: float) -> int:
    """Seconds as this dialect counts them."""
    return round(seconds * 1e9)


class AnswerStream:
    """The lines of one streamed answer. What is constant in them is encoded once.

    Args:
        route: Which of the two shapes.
        model: The name that the client asked for.
        now: The time of each line.
    """

    content_type = NDJSON

    def __init__(self, *, route: Route, model: str, now: Callable[[], str]) -> None:
        self._route = route
        self._model = model
        self._now = now
        self._head = b'{"model":' + encode(model) + b',"created_at":'
        if route == "chat":
            message = b',"message":{"role":"assistant","content":'
            self._text, self._thought = message, message + b'"","thinking":'
            self._tail = b'},"done":false}\n'
        else:
            self._text, self._thought = b',"response":', b',"response":"","thinking":'
            self._tail = b',"done":false}\n'
        self._calls = Fold()
        self._called = False
        self._notes: list[Note] = []
        self._finish = Finish(reason="stop")
        self._usage = Usage(prompt_tokens=0)
        self._timing = Timing()

    def add(self, event: Event) -> bytes:
        """The bytes an event adds."""
        match event:
            case Text(text=text, logprobs=[]):
                return self._piece(self._text, text)
            case Text(text=text, logprobs=logprobs):
                return self._line(text, logprobs)
            case Reasoning(text=text):
                return self._piece(self._thought, text)
            case ToolCallPiece():
                self._called = True
                self._calls.add(event)
            case Finish():
                self._finish = event
                return self._called_tools()
            case Note():
                self._notes.append(event)
            case Usage():
                self._usage = event
            case Timing():
                self._timing = event
            case _:
                pass
        return b""

    def end(self) -> bytes:
        """The line with ``done``, the counts and the durations."""
        empty: dict[str, Any] = {"response": ""}
        if self._route == "chat":
            empty = {"message": {"role": "assistant", "content": ""}}
        reason = _REASONS[self._finish.reason]
        counts = closing(reason, self._usage, self._timing)
        told = notes_member(self._notes)
        return encode({**self._envelope(), **empty, **counts, **told}) + b"\n"

    def fail(self, error: IngleError) -> bytes:
        """A line with the error, and none with ``done``."""
        return encode(error_object(error)) + b"\n"

    def _piece(self, part: bytes, text: str) -> bytes:
        return self._head + encode(self._now()) + part + encode(text) + self._tail

    def _line(self, text: str, logprobs: list[TokenLogprob]) -> bytes:
        found = self._envelope()
        if self._route == "chat":
            found["message"] = {"role": "assistant", "content": text}
        else:
            found["response"] = text
        found["logprobs"] = [token_object(token) for token in logprobs]
        return encode({**found, "done": False}) + b"\n"

    def _called_tools(self) -> bytes:
        if not self._called:
            return b""
        calls = self._calls.result().choices[0].tool_calls
        message = {"role": "assistant", "content": "", "tool_calls": _calls(calls)}
        return encode({**self._envelope(), "message": message, "done": False}) + b"\n"

    def _envelope(self) -> dict[str, Any]:
        return {"model": self._model, "created_at": self._now()}


def _extras(choice: Choice) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if choice.reasoning:
        found["thinking"] = choice.reasoning
    if choice.tool_calls:
        found["tool_calls"] = _calls(choice.tool_calls)
    return found


def _calls(calls: list[ToolCall]) -> list[dict[str, Any]]:
    return [
        {
            "id": call.id,
            "function": {"index": at, "name": call.name, "arguments": call.argument_object},
        }
        for at, call in enumerate(calls)
    ]
