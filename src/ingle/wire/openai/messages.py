"""Messages and tools of the chat route (source: API reference, "Create chat completion")."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.operations import ImagePart, Message, Part, TextPart, Tool, ToolCall
from ingle.wire.body import argument_text
from ingle.wire.image import from_url


class ImageURL(msgspec.Struct, kw_only=True):
    url: str
    detail: str | None = None


class TextContent(msgspec.Struct, tag="text", tag_field="type", kw_only=True):
    text: str


class RefusalContent(msgspec.Struct, tag="refusal", tag_field="type", kw_only=True):
    refusal: str


class ImageContent(msgspec.Struct, tag="image_url", tag_field="type", kw_only=True):
    image_url: ImageURL | str


class AudioContent(msgspec.Struct, tag="input_audio", tag_field="type", kw_only=True):
    input_audio: Any = None


class FileContent(msgspec.Struct, tag="file", tag_field="type", kw_only=True):
    file: Any = None


Content = TextContent | RefusalContent | ImageContent | AudioContent | FileContent


class CalledFunction(msgspec.Struct, kw_only=True):
    name: str = ""
    arguments: Any = None


class CallBody(msgspec.Struct, kw_only=True):
    id: str = ""
    type: Literal["function"] = "function"
    function: CalledFunction


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


class FunctionBody(msgspec.Struct, kw_only=True):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ToolBody(msgspec.Struct, kw_only=True):
    type: Literal["function"] = "function"
    function: FunctionBody


class NamedFunction(msgspec.Struct, kw_only=True):
    name: str


class NamedTool(msgspec.Struct, tag="function", tag_field="type", kw_only=True):
    function: NamedFunction


class AllowedSet(msgspec.Struct, kw_only=True):
    mode: Literal["auto", "required"] = "auto"
    tools: list[ToolBody] = []


class AllowedTools(msgspec.Struct, tag="allowed_tools", tag_field="type", kw_only=True):
    allowed_tools: AllowedSet


ToolChoice = str | NamedTool | AllowedTools


def messages(bodies: list[MessageBody]) -> list[Message]:
    """The conversation as an operation carries it.

    Raises:
        InvalidRequest: an image that cannot be read.
        CapabilityMissing: audio or files, which chat does not take yet.
        UnsafeURL: an image address with a scheme that is never fetched.
    """
    return [_message(body, f"messages[{at}]") for at, body in enumerate(bodies)]


def tools(bodies: list[ToolBody] | None) -> list[Tool]:
    """The tools as an operation carries them."""
    return [
        Tool(
            name=body.function.name,
            description=body.function.description or "",
            parameters=body.function.parameters or {},
            strict=bool(body.function.strict),
        )
        for body in bodies or []
    ]


def chosen(choice: ToolChoice | None, offered: list[Tool]) -> tuple[str, list[Tool]]:
    """The choice as an operation writes it, and the tools that remain offered."""
    if choice is None:
        return "auto", offered
    if isinstance(choice, str):
        if choice not in {"auto", "none", "required"}:
            raise InvalidRequest(
                f"tool_choice: {choice!r} is not one of auto, none, required", field="tool_choice"
            )
        return choice, offered
    if isinstance(choice, NamedTool):
        return choice.function.name, offered
    allowed = {tool.function.name for tool in choice.allowed_tools.tools}
    return choice.allowed_tools.mode, [tool for tool in offered if tool.name in allowed]


def _message(body: MessageBody, field: str) -> Message:
    content = body.content
    if content is None:
        content = body.refusal or ""
    return Message(
        role="tool" if body.role == "function" else body.role,
        content=content if isinstance(content, str) else _parts(content, f"{field}.content"),
        reasoning=body.reasoning_content or body.reasoning or "",
        tool_calls=[
            ToolCall(
                id=call.id,
                name=call.function.name,
                arguments=argument_text(call.function.arguments),
            )
            for call in body.tool_calls or []
        ],
        tool_call_id=body.tool_call_id or "",
        name=body.name or "",
    )


def _parts(contents: list[Content], field: str) -> str | list[Part]:
    parts: list[Part] = [_part(item, f"{field}[{at}]") for at, item in enumerate(contents)]
    if any(isinstance(part, ImagePart) for part in parts):
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
        case _:
            kind = item.__struct_config__.tag
            raise CapabilityMissing(
                f"{field}: {kind} parts are not supported in chat",
                field=field,
                capability=str(kind),
            )
