"""Input items of the responses route to messages, and messages back to items."""

from __future__ import annotations

import base64
from typing import Any, Literal

import msgspec

from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.operations import ImagePart, Message, Part, TextPart, ToolCall
from ingle.wire.body import argument_text
from ingle.wire.image import from_url


class InputText(msgspec.Struct, tag="input_text", tag_field="type", kw_only=True):
    text: str


class OutputText(msgspec.Struct, tag="output_text", tag_field="type", kw_only=True):
    text: str


class PlainText(msgspec.Struct, tag="text", tag_field="type", kw_only=True):
    text: str


class ReasoningText(msgspec.Struct, tag="reasoning_text", tag_field="type", kw_only=True):
    text: str


class SummaryText(msgspec.Struct, tag="summary_text", tag_field="type", kw_only=True):
    text: str


class Refusal(msgspec.Struct, tag="refusal", tag_field="type", kw_only=True):
    refusal: str


class InputImage(msgspec.Struct, tag="input_image", tag_field="type", kw_only=True):
    image_url: str | None = None
    file_id: str | None = None


class InputFile(msgspec.Struct, tag="input_file", tag_field="type", kw_only=True):
    file_id: str | None = None


Content = (
    InputText
    | OutputText
    | PlainText
    | ReasoningText
    | SummaryText
    | Refusal
    | InputImage
    | InputFile
)


class ResponseItem(msgspec.Struct, kw_only=True):
    """One input item. A message may leave out its ``type``, so this is not a tagged union."""

    type: str = "message"
    id: str | None = None
    role: Literal["system", "developer", "user", "assistant"] | None = None
    content: str | list[Content] | None = None
    summary: list[Content] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: Any = None
    output: str | list[Content] | None = None


def conversation(items: list[ResponseItem]) -> list[Message]:
    """The items as messages.

    Reasoning, text and calls of the assistant that follow each other are one
    message, as templates expect.

    Raises:
        InvalidRequest: an item without what its type needs.
        CapabilityMissing: an item of a tool that runs at OpenAI.
    """
    found: list[Message] = []
    for at, item in enumerate(items):
        message = _message(item, f"input[{at}]")
        if found and found[-1].role == "assistant" and message.role == "assistant":
            found[-1] = _joined(found[-1], message)
        else:
            found.append(message)
    return found


def items(messages: list[Message], prefix: str) -> list[dict[str, Any]]:
    """Messages as items with ids, as ``input_items`` lists them."""
    found: list[dict[str, Any]] = []
    for at, message in enumerate(messages):
        identifier = f"{prefix}_{at}"
        if message.role == "tool":
            found.append(
                {
                    "id": f"fco_{identifier}",
                    "type": "function_call_output",
                    "call_id": message.tool_call_id,
                    "output": message.text,
                    "status": "completed",
                }
            )
            continue
        if message.content or not message.tool_calls:
            found.append(
                {
                    "id": f"msg_{identifier}",
                    "type": "message",
                    "role": message.role,
                    "status": "completed",
                    "content": _contents(message),
                }
            )
        for number, call in enumerate(message.tool_calls):
            found.append(
                {
                    "id": f"fc_{identifier}_{number}",
                    "type": "function_call",
                    "call_id": call.id,
                    "name": call.name,
                    "arguments": call.arguments,
                    "status": "completed",
                }
            )
    return found


def _message(item: ResponseItem, field: str) -> Message:
    match item.type:
        case "message":
            if item.role is None:
                raise InvalidRequest(f"{field}.role: this field is required", field=f"{field}.role")
            return Message(role=item.role, content=_content(item.content, f"{field}.content"))
        case "function_call":
            call = ToolCall(
                id=item.call_id or item.id or "",
                name=item.name or "",
                arguments=argument_text(item.arguments),
            )
            return Message(role="assistant", tool_calls=[call])
        case "function_call_output":
            content = _content(item.output, f"{field}.output")
            return Message(role="tool", content=content, tool_call_id=item.call_id or "")
        case "reasoning":
            thoughts = item.content or item.summary or ""
            content = _content(thoughts, f"{field}.content")
            return Message(role="assistant", reasoning=content if isinstance(content, str) else "")
        case kind:
            raise CapabilityMissing(
                f"{field}: items of type {kind!r} are not supported",
                field=f"{field}.type",
                capability=kind,
            )


def _content(given: str | list[Content] | None, field: str) -> str | list[Part]:
    if given is None or isinstance(given, str):
        return given or ""
    parts: list[Part] = [_part(part, f"{field}[{at}]") for at, part in enumerate(given)]
    if any(isinstance(part, ImagePart) for part in parts):
        return parts
    return "".join(part.text for part in parts if isinstance(part, TextPart))


def _part(part: Content, field: str) -> Part:
    match part:
        case InputImage(image_url=str(url)):
            return from_url(url, f"{field}.image_url")
        case InputImage() | InputFile():
            raise CapabilityMissing(
                f"{field}: files kept at OpenAI cannot be read; send the bytes",
                field=field,
                capability="files",
            )
        case Refusal(refusal=text):
            return TextPart(text=text)
        case _:
            return TextPart(text=part.text)


def _joined(first: Message, second: Message) -> Message:
    content: str | list[Part]
    if isinstance(first.content, str) and isinstance(second.content, str):
        content = first.content + second.content
    else:
        content = [*_as_parts(first.content), *_as_parts(second.content)]
    return Message(
        role="assistant",
        content=content,
        reasoning=first.reasoning + second.reasoning,
        tool_calls=[*first.tool_calls, *second.tool_calls],
    )


def _as_parts(content: str | list[Part]) -> list[Part]:
    if isinstance(content, list):
        return content
    return [TextPart(text=content)] if content else []


def _contents(message: Message) -> list[dict[str, Any]]:
    if message.role == "assistant":
        return [{"type": "output_text", "text": message.text, "annotations": []}]
    found: list[dict[str, Any]] = []
    for part in _as_parts(message.content):
        if isinstance(part, TextPart):
            found.append({"type": "input_text", "text": part.text})
        else:
            data = base64.b64encode(part.data).decode()
            url = part.url or f"data:application/octet-stream;base64,{data}"
            found.append({"type": "input_image", "image_url": url, "detail": "auto"})
    return found
