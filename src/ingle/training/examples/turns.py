"""Turns of a conversation, from the forms that data sets have to OpenAI's.

Known are OpenAI's messages, also with the older ``function_call``, ShareGPT's of ``from`` and
``value`` and their mixtures, turns that hold a question with its answer, and the marks that
exclude an answer from the loss: OpenAI's ``weight: 0`` and Axolotl's ``train: false``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from ingle.training.examples.example import RowPosition

ROLES = {
    "system": "system", "developer": "developer", "user": "user", "human": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "bing": "assistant",
    "bard": "assistant", "model": "assistant", "bot": "assistant", "tool": "tool",
    "function": "tool", "observation": "tool", "function_response": "tool",
    "tool_response": "tool", "ipython": "tool", "function_call": "call", "tool_call": "call",
}  # fmt: skip
_WHO, _WHAT = ("role", "from"), ("content", "value", "text")
_QUESTIONS = ("human", "user", "input", "question", "prompt")
_ANSWERS = ("assistant", "gpt", "output", "answer", "response")
_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
_MARKS = ("weight", "train", "training")
_KNOWN = {*_WHO, *_WHAT, *_THOUGHTS, *_MARKS, "tool_calls", "tool_call_id", "function_call",
          "name"}  # fmt: skip


class Turns(NamedTuple):
    """A conversation in OpenAI's form, its calls' arguments as objects."""

    messages: list[dict[str, Any]]
    masked: frozenset[int]
    """Answers that are read and not learnt."""
    unused: frozenset[str]
    """Fields of messages that mean nothing here."""


def turns(place: RowPosition, given: list[Any]) -> Turns:
    """Read the messages of a row.

    Raises:
        InvalidRequest: one is in no known form, or a part of it is wrong; names the line.
    """
    messages: list[dict[str, Any]] = []
    masked: set[int] = set()
    unused: set[str] = set()
    for number, item in enumerate(given, 1):
        for message in _unfolded(place, number, item):
            found = _message(place, number, message)
            if _is_masked(place, number, message, found["role"]):
                masked.add(len(messages))
            messages.append(found)
            unused |= {f"messages.{name}" for name in message.keys() - _KNOWN}
    return Turns(messages, frozenset(masked), frozenset(unused))


def _unfolded(place: RowPosition, number: int, item: Any) -> Iterator[dict[str, Any]]:
    """The message, or the messages of a turn that holds a question and its answer."""
    if not isinstance(item, dict):
        raise place.bad(f"message {number} is not an object")
    if any(isinstance(item.get(name), str) for name in _WHO):
        yield item
        return
    asked = [name for name in _QUESTIONS if isinstance(item.get(name), str)]
    answered = [name for name in _ANSWERS if isinstance(item.get(name), str)]
    if len(asked) != 1 or len(answered) != 1:
        raise place.bad(f"message {number} has neither role and content nor from and value")
    if isinstance(item.get("system"), str) and item["system"]:
        yield {"role": "system", "content": item["system"]}
    yield {"role": "user", "content": item[asked[0]]}
    rest = {k: v for k, v in item.items() if k not in (asked[0], answered[0], "system")}
    yield {**rest, "role": "assistant", "content": item[answered[0]]}


def _message(place: RowPosition, number: int, message: dict[str, Any]) -> dict[str, Any]:
    who = next(message[name] for name in _WHO if isinstance(message.get(name), str))
    role = ROLES.get(who.lower())
    if role is None:
        raise place.bad(f"message {number} has the unknown role {who!r}")
    said = next((message[name] for name in _WHAT if message.get(name) is not None), None)
    if role == "call":
        calls = _json(said) if isinstance(said, str) else said
        made = [_call(place, number, call) for call in _list(calls)]
        return {"role": "assistant", "content": "", "tool_calls": made}
    found: dict[str, Any] = {"role": role, "content": _content(place, number, said)}
    thought = next((message[name] for name in _THOUGHTS if message.get(name)), "")
    if not isinstance(thought, str):
        raise place.bad(f"message {number} has reasoning that is not text")
    if thought:
        found["reasoning_content"] = thought
    calls = _list(message.get("tool_calls") or [])
    if message.get("function_call"):
        calls = [*calls, message["function_call"]]
    if calls:
        found["tool_calls"] = [_call(place, number, call) for call in calls]
    for name in ("tool_call_id", "name"):
        if isinstance(message.get(name), str):
            found[name] = message[name]
    if role == "assistant" and not (found["content"] or thought or calls):
        raise place.bad(f"message {number} is an empty answer, so there is nothing to train on")
    return found


def _is_masked(place: RowPosition, number: int, message: dict[str, Any], role: str) -> bool:
    marks = [(name, message[name]) for name in _MARKS if message.get(name) is not None]
    for name, value in marks:
        if value not in (0, 1):
            raise place.bad(
                f"message {number} has the {name} {value!r}; a message counts or it does not: "
                "0 or 1, true or false"
            )
        if role != "assistant" and name != "weight" and value:
            raise place.bad(
                f"message {number} is to be trained on, but only the assistant's messages are"
            )
    return role == "assistant" and any(not value for _, value in marks)


def _content(place: RowPosition, number: int, content: Any) -> str:
    """Text; OpenAI's parts are joined."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part["text"] for part in content if _is_text(part)]
        if len(parts) == len(content):
            return "".join(parts)
        kinds = [part.get("type") for part in content if isinstance(part, dict)]
        for kind in ("image", "image_url", "audio", "input_audio", "video", "file"):
            if kind in kinds:
                raise place.bad(
                    f"message {number} has content of the type {kind}; training reads text only",
                    hint="leave these examples out",
                )
    raise place.bad(f"message {number} has content that is not text")


def _is_text(part: Any) -> bool:
    return (
        isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)
    )


def _call(place: RowPosition, number: int, call: Any) -> dict[str, Any]:
    """A tool call, its arguments as an object: templates write them as JSON themselves."""
    function = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise place.bad(f"message {number} has a tool call without a name")
    arguments = function.get("arguments", {})
    if isinstance(arguments, str):
        arguments = _json(arguments or "{}")
    if not isinstance(arguments, dict):
        raise place.bad(f"message {number} has a tool call whose arguments are not a JSON object")
    kept = {"id": call["id"]} if isinstance(call.get("id"), str) else {}
    return {**kept, "type": "function", "function": {**function, "arguments": arguments}}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
