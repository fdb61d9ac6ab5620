"""The items of a realtime conversation, and the messages that a model is shown of them."""

from __future__ import annotations

from typing import Any

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations import ImagePart, Message, TextPart, ToolCall
from ingle.wire.openai.realtime import identifier

MOST_ITEMS = 4096
_ROLES = ("user", "assistant", "system")
Item = dict[str, Any]


class SessionItems:
    """Items in order, each with an id of its own."""

    def __init__(self) -> None:
        self.id = identifier("conv")
        self.items: list[Item] = []

    def add(self, given: Item, after: str | None = None) -> tuple[Item, str | None]:
        """Add an item.

        Args:
            after: the id of the one before it, ``root`` for none; None: it is the last.

        Returns:
            It, with an id, and the id of the one before it.

        Raises:
            InvalidRequest: it is not an item, or its place is not there.
        """
        item = {"id": identifier("item"), "object": "realtime.item", "status": "completed"} | given
        _check(item)
        if len(self.items) >= MOST_ITEMS:
            raise InvalidRequest(f"a conversation has up to {MOST_ITEMS} items", field="item")
        if any(other["id"] == item["id"] for other in self.items):
            raise InvalidRequest(f"there is already an item {item['id']}", field="item.id")
        at = len(self.items)
        if after is not None:
            at = 0 if after == "root" else self._place(after) + 1
        before = self.items[at - 1]["id"] if at else None
        self.items.insert(at, item)
        return item, before

    def find(self, item_id: str | None) -> Item:
        """The item of an id.

        Raises:
            InvalidRequest: there is none.
        """
        return self.items[self._place(item_id)]

    def delete(self, item_id: str | None) -> None:
        """Take an item away. Raises as `find`."""
        del self.items[self._place(item_id)]

    def messages(self, instructions: str) -> list[Message]:
        """What a model is shown."""
        found = [Message(role="system", content=instructions)] if instructions else []
        for item in self.items:
            if item["type"] == "function_call" and found and found[-1].role == "assistant":
                calls = [*found[-1].tool_calls, _call(item)]
                found[-1] = msgspec.structs.replace(found[-1], tool_calls=calls)
            elif (message := _message(item)) is not None:
                found.append(message)
        return found

    def _place(self, item_id: str | None) -> int:
        for at, item in enumerate(self.items):
            if item["id"] == item_id:
                return at
        raise InvalidRequest(f"there is no item {item_id}", field="item_id")


def text_of(item: Item) -> str:
    """What is said in a message's item."""
    parts = (part.get("text") or part.get("transcript") or "" for part in item["content"])
    return "".join(parts)


def _message(item: Item) -> Message | None:
    match item["type"]:
        case "function_call":
            return Message(role="assistant", tool_calls=[_call(item)])
        case "function_call_output":
            return Message(role="tool", tool_call_id=item["call_id"], content=item["output"])
    images = [part["image_url"] for part in item["content"] if part.get("image_url")]
    text = text_of(item)
    if not images:
        return Message(role=item["role"], content=text) if text else None
    parts = [TextPart(text=text)] if text else []
    return Message(role=item["role"], content=[*parts, *(ImagePart(url=url) for url in images)])


def _call(item: Item) -> ToolCall:
    return ToolCall(id=item["call_id"], name=item["name"], arguments=item["arguments"])


def _check(item: Item) -> None:
    needed: tuple[str, ...]
    match item.get("type"):
        case "message":
            needed = ("id", "role")
            content = item.get("content")
            if not isinstance(content, list) or not all(isinstance(p, dict) for p in content):
                raise InvalidRequest("item.content: a list of parts", field="item.content")
            if item.get("role") not in _ROLES:
                raise InvalidRequest(f"item.role: one of {', '.join(_ROLES)}", field="item.role")
            for part in content:
                _check_texts(part, ("text", "transcript", "image_url"), "item.content")
                if part.get("audio"):
                    raise InvalidRequest(
                        "item.content.audio: sound is sent with input_audio_buffer.append",
                        field="item.content.audio",
                    )
        case "function_call":
            needed = ("id", "call_id", "name", "arguments")
        case "function_call_output":
            needed = ("id", "call_id", "output")
        case other:
            raise InvalidRequest(
                f"item.type: {other!r} is not one of message, function_call, function_call_output",
                field="item.type",
            )
    for name in needed:
        if not isinstance(item.get(name), str):
            raise InvalidRequest(f"item.{name}: a text", field=f"item.{name}")


def _check_texts(part: Item, names: tuple[str, ...], field: str) -> None:
    for name in names:
        if part.get(name) is not None and not isinstance(part[name], str):
            raise InvalidRequest(f"{field}.{name}: a text", field=field)
