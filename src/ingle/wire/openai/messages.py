"""Messages of the chat route (source: API reference, "Create chat completion")."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ingle.errors import CapabilityMissing
from ingle.operations import Message, Part, TextPart, ToolCall
from ingle.wire.body import argument_text
from ingle.wire.image import from_url, recording
from ingle.wire.openai.custom_tool import custom_arguments


class ImageURL(msgspec.Struct, kw_only=True):
    url: str
    detail: str | None = None


class TextContent(msgspec.Struct, tag="text", tag_field="type", kw_only=True):
    text: str


class RefusalContent(msgspec.Struct, tag="refusal", tag_field="type", kw_only=True):
    refusal: str


class ImageContent(msgspec.Struct, tag="image_url", tag_field="type", kw_only=True):
    image_url: ImageURL | str


class AudioData(msgspec.Struct, kw_only=True):
    data: str
    format: str | None = None
    """``wav`` or ``mp3``; the bytes decide."""


class AudioContent(msgspec.Struct, tag="input_audio", tag_field="type", kw_only=True):
    input_audio: AudioData


class FileContent(msgspec.Struct, tag="file", tag_field="type", kw_only=True):
    file: Any = None


Content = TextContent | RefusalContent | ImageContent | AudioContent | FileContent


class CalledFunction(msgspec.Struct, kw_only=True):
    name: str = ""
    arguments: Any = None


class CalledCustom(msgspec.Struct, kw_only=True):
    name: str = ""
    input: str = ""


class CallBody(msgspec.Struct, kw_only=True):
    id: str = ""
    type: Literal["function", "custom"] = "function"
    function: CalledFunction | None = None
    custom: CalledCustom | None = None


class MessageBody(msgspec.Struct, kw_only=True):
    """One message as the client sent it."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Content] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    name: str | None = None
    tool_calls: list[CallBody] | None = None
    tool_call_id: str | None = None


def messages(bodies: list[MessageBody]) -> list[Message]:
    """The conversation as an operation carries it.

    Raises:
        InvalidRequest: an image or a recording that cannot be read.
        CapabilityMissing: files, which chat does not take.
        UnsafeURL: an image address with a scheme that is never fetched.
    """
    return [_message(body, f"messages[{at}]") for at, body in enumerate(bodies)]


def _message(body: MessageBody, field: str) -> Message:
    content = body.content
    if content is None:
        content = body.refusal or ""
    return Message(
        role="tool" if body.role == "function" else body.role,
        content=content if isinstance(content, str) else _parts(content, f"{field}.content"),
        reasoning=body.reasoning_content or body.reasoning or "",
        tool_calls=[_call(call) for call in body.tool_calls or []],
        tool_call_id=body.tool_call_id or "",
        name=body.name or "",
    )


def _call(body: CallBody) -> ToolCall:
    if body.custom is not None:
        arguments = custom_arguments(body.custom.input)
        return ToolCall(id=body.id, name=body.custom.name, arguments=arguments)
    called = body.function or CalledFunction()
    return ToolCall(id=body.id, name=called.name, arguments=argument_text(called.arguments))


def _parts(contents: list[Content], field: str) -> str | list[Part]:
    parts: list[Part] = [_part(item, f"{field}[{at}]") for at, item in enumerate(contents)]
    if not all(isinstance(part, TextPart) for part in parts):
        return parts
    # Templates see plain text as a string, which every one of them can render.
    return "".join(part.text for part in parts if isinstance(part, TextPart))


def _part(item: Content, field: str) -> Part:
    match item:
        case TextContent(text=text):
            return TextPart(text=text)
        case RefusalContent(refusal=text):
            return TextPart(text=text)
        case ImageContent(image_url=image):
            url = image if isinstance(image, str) else image.url
            return from_url(url, f"{field}.image_url")
        case AudioContent(input_audio=audio):
            return recording(audio.data, f"{field}.input_audio.data")
        case _:
            kind = item.__struct_config__.tag
            raise CapabilityMissing(
                f"{field}: {kind} parts are not supported in chat",
                field=field,
                capability=str(kind),
            )
