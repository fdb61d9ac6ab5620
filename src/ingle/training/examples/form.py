"""Forms of examples: from the names and values of a row to an `Example`.

Known are OpenAI's (``messages``, ``tools``), ShareGPT's (``conversations`` of
``from`` and ``value``), Alpaca's (``instruction``, ``input``, ``output``),
``prompt`` and ``completion``, and ``text``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ingle.errors import InvalidRequest
from ingle.training.examples.example import Example, RowPosition
from ingle.training.examples.row import Row

NAMES = ("messages", "tools", "conversations", "system", "instruction", "input", "output",
         "prompt", "completion", "text", "chosen", "rejected")  # fmt: skip
ROLES = ("system", "developer", "user", "assistant", "tool")
SHAREGPT_ROLES = {
    "system": "system", "human": "user", "user": "user", "gpt": "assistant",
    "chatgpt": "assistant", "bing": "assistant", "bard": "assistant", "model": "assistant",
    "bot": "assistant", "assistant": "assistant", "tool": "tool", "observation": "tool",
    "function_response": "tool", "function_call": "call",
}  # fmt: skip


class Columns:
    """What columns are called in someone's data.

    Args:
        text: ``NAME=COLUMN,...``; a name of `NAMES`, and what the column is called.

    Raises:
        InvalidRequest: a name that is none.
    """

    def __init__(self, text: str = "") -> None:
        self._called: dict[str, str] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, equals, column = part.partition("=")
            if not equals or not column or name not in NAMES:
                raise InvalidRequest(
                    f"columns: {part!r} is not NAME=COLUMN with NAME one of: {', '.join(NAMES)}",
                    hint="--columns prompt=question,completion=answer",
                    field="columns",
                )
            self._called[name] = column

    def rename(self, row: Row) -> dict[str, Any]:
        """The row with our names.

        Raises:
            InvalidRequest: a column that was named is not there.
        """
        values = dict(row.values)
        for name, column in self._called.items():
            if column not in row.values:
                raise row.place.bad(
                    f"has no column {column!r}; there are: {', '.join(row.values) or 'none'}"
                )
            values[name] = row.values[column]
        return values


def example(row: Row, columns: Columns) -> Example:
    """Read a row.

    Raises:
        InvalidRequest: it is not one of the forms, or a part of it is wrong.
    """
    place, values = row.place, columns.rename(row)
    if values.get("messages") is not None:
        return _conversation(place, values, "messages")
    if values.get("conversations") is not None:
        return _conversation(place, values, "conversations")
    match values:
        case {"instruction": str(instruction), "output": str(output)}:
            more = values.get("input") or ""
            prompt = f"{instruction}\n\n{more}" if more else instruction
            return _asked(place, values, prompt, output)
        case {"prompt": str(prompt), "completion": str(completion)}:
            return _asked(place, values, prompt, completion)
        case {"text": str(text)} if text:
            return Example(place, [], [], text=text)
    raise place.bad(
        "has neither messages, nor prompt and completion, nor text; "
        f"its columns are: {', '.join(map(str, row.values)) or 'none'}"
    )


def _asked(place: RowPosition, values: Mapping[str, Any], prompt: str, completion: str) -> Example:
    if not completion:
        raise place.bad("has an empty answer, so there is nothing to train on")
    system = values.get("system")
    if not isinstance(system, str) or not system:
        return Example(place, [], [], prompt=prompt, completion=completion)
    return Example(place, [
        {"role": "system", "content": system},
        {"role": "user", "content": prompt},
        {"role": "assistant", "content": completion},
    ], [])  # fmt: skip


def _conversation(place: RowPosition, values: Mapping[str, Any], name: str) -> Example:
    messages = _unpacked(place, values[name], name)
    tools = _unpacked(place, values.get("tools") or [], "tools")
    if not all(isinstance(tool, dict) for tool in tools):
        raise place.bad("has tools that are not objects")
    checked = [_message(place, number, m) for number, m in enumerate(messages, 1)]
    system = values.get("system")
    if isinstance(system, str) and system and not any(m["role"] == "system" for m in checked):
        checked.insert(0, {"role": "system", "content": system})
    if not any(message["role"] == "assistant" for message in checked):
        raise place.bad("has no assistant message, so there is nothing to train on")
    return Example(place, checked, [_tool(tool) for tool in tools])


def _unpacked(place: RowPosition, value: Any, name: str) -> list[Any]:
    """A list; in CSV, and in many tables, as JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise place.bad(f"{name} is not valid JSON ({error})") from None
    if not isinstance(value, list):
        raise place.bad(f"{name} is not a list")
    return value


def _message(place: RowPosition, number: int, message: Any) -> dict[str, Any]:
    match message:
        case {"role": str(role)} if role in ROLES:
            content = _content(place, number, message.get("content"))
            rest = {k: v for k, v in message.items() if k not in ("role", "content", "tool_calls")}
            if message.get("tool_calls"):
                rest["tool_calls"] = [
                    _call(place, number, call) for call in _list(message["tool_calls"])
                ]
            return {"role": role, "content": content, **rest}
        case {"from": str(who), "value": str(value)} if who.lower() in SHAREGPT_ROLES:
            role = SHAREGPT_ROLES[who.lower()]
            if role == "call":
                calls = [_call(place, number, call) for call in _list(_json(value))]
                return {"role": "assistant", "content": "", "tool_calls": calls}
            return {"role": role, "content": value}
        case {"role": role} | {"from": role}:
            raise place.bad(f"message {number} has the unknown role {role!r}")
    raise place.bad(f"message {number} has neither role and content nor from and value")


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


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    """As OpenAI has it, also where only the function was given."""
    return tool if "function" in tool else {"type": "function", "function": tool}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
