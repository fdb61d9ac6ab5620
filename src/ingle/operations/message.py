"""What a conversation is made of: messages, their parts, tools and calls of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations.encoded import UNREADABLE
from ingle.operations.operation import Checked, JsonObject
from ingle.operations.schema import check_schema


class TextPart(Checked, frozen=True, kw_only=True, tag="text", tag_field="type"):
    """Text inside a message."""

    text: str


class ImagePart(Checked, frozen=True, kw_only=True, tag="image", tag_field="type"):
    """A picture inside a message: its bytes, or an URL that the *node* fetches, checks and inlines.

    No engine ever receives an URL.
    """

    data: bytes = b""
    url: str = ""

    def check(self) -> None:
        if bool(self.data) == bool(self.url):
            raise InvalidRequest(
                "an image needs either data or url, not both", field="messages.content.image"
            )


class AudioPart(Checked, frozen=True, kw_only=True, tag="audio", tag_field="type"):
    """Sound inside a message: the bytes of a recording."""

    data: bytes

    def check(self) -> None:
        if not self.data:
            raise InvalidRequest("the recording is empty", field="messages.content.audio")


Part = TextPart | ImagePart | AudioPart
PartKind = TypeVar("PartKind", TextPart, ImagePart, AudioPart)


def parts_of_kind(messages: Sequence[Message], kind: type[PartKind]) -> list[PartKind]:
    """The parts of a conversation that are of one kind, in their order."""
    contents = (message.content for message in messages)
    return [
        part
        for content in contents
        if not isinstance(content, str)
        for part in content
        if isinstance(part, kind)
    ]


def text_size(messages: list[Message], tools: list[Tool]) -> int:
    """Bytes of all text in a conversation, without its images and sound."""
    size = sum(len(msgspec.msgpack.encode(tool)) for tool in tools)
    for message in messages:
        size += len(message.text.encode()) + len(message.reasoning.encode())
        size += sum(len(call.arguments.encode()) for call in message.tool_calls)
    return size


class ToolCall(Checked, frozen=True, kw_only=True):
    """A call that the model asked for. ``arguments`` is a JSON text, whole unless it was cut."""

    id: str
    name: str
    arguments: str = "{}"

    @property
    def argument_object(self) -> dict[str, Any]:
        """The arguments by name. Of a call that was cut, or that is no object, there is the text,
        as ``_unfinished``: a conversation that has such a call goes on."""
        try:
            found = msgspec.json.decode(self.arguments or "{}")
        except UNREADABLE:
            found = None
        return found if isinstance(found, dict) else {"_unfinished": self.arguments}


class Message(Checked, frozen=True, kw_only=True):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] = ""
    reasoning: str = ""
    tool_calls: list[ToolCall] = []
    tool_call_id: str = ""
    name: str = ""

    def check(self) -> None:
        if self.tool_calls and self.role != "assistant":
            raise InvalidRequest("only an assistant message has tool_calls", field="messages")

    @property
    def text(self) -> str:
        """The text of the message, without its images and sound."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content if isinstance(part, TextPart))


class Tool(Checked, frozen=True, kw_only=True):
    """A function that the model may ask to be called. ``parameters`` is a JSON Schema."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]
    description: str = ""
    parameters: JsonObject = {}
    strict: bool = False

    def check(self) -> None:
        check_schema(self.parameters, f"tools[{self.name}].parameters")
