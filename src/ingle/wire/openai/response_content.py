"""Content parts inside the items of the responses API."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.operations import AudioPart, Message, Part, TextPart
from ingle.wire.body import convert
from ingle.wire.document import document_part, text_of_file, unreadable_document
from ingle.wire.image import from_url, recording
from ingle.wire.openai.messages import AudioData


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


class InputAudio(msgspec.Struct, tag="input_audio", tag_field="type", kw_only=True):
    input_audio: AudioData


class Screenshot(msgspec.Struct, tag="computer_screenshot", tag_field="type", kw_only=True):
    image_url: str | None = None
    file_id: str | None = None


class InputFile(msgspec.Struct, tag="input_file", tag_field="type", kw_only=True):
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None


Content = (
    InputText
    | OutputText
    | PlainText
    | ReasoningText
    | SummaryText
    | Refusal
    | InputImage
    | InputAudio
    | Screenshot
    | InputFile
)


def content(given: Any, field: str) -> str | list[Part]:
    """Content as a message carries it: text, or parts where there is an image or sound.

    Raises:
        InvalidRequest: a part that is not one, or an image or recording that cannot be read.
        CapabilityMissing: a file that is not text, or that is not sent along.
    """
    if given is None or isinstance(given, str):
        return given or ""
    contents: list[Content] = convert(given, list[Content], field)
    parts = [_part(part, f"{field}[{at}]") for at, part in enumerate(contents)]
    if not all(isinstance(part, TextPart) for part in parts):
        return parts
    return "".join(part.text for part in parts if isinstance(part, TextPart))


def text(given: Any, field: str) -> str:
    """The text of content; images and sound in it are passed over.

    Raises:
        InvalidRequest: see `content`.
    """
    found = content(given, field)
    if isinstance(found, str):
        return found
    return "".join(part.text for part in found if isinstance(part, TextPart))


def parts_of(found: str | list[Part]) -> list[Part]:
    """Content as parts."""
    if isinstance(found, list):
        return found
    return [TextPart(text=found)] if found else []


def written(message: Message) -> list[dict[str, Any]]:
    """A message's content as the API writes it."""
    if message.role == "assistant":
        return [{"type": "output_text", "text": message.text, "annotations": []}]
    return [_written(part) for part in parts_of(message.content)]


def _written(part: Part) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "input_text", "text": part.text}
    data = base64.b64encode(part.data).decode()
    if isinstance(part, AudioPart):
        return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    url = part.url or f"data:application/octet-stream;base64,{data}"
    return {"type": "input_image", "image_url": url, "detail": "auto"}


def _part(part: Content, field: str) -> Part:
    match part:
        case InputImage(image_url=str(url)) | Screenshot(image_url=str(url)):
            return from_url(url, f"{field}.image_url")
        case InputAudio(input_audio=audio):
            return recording(audio.data, f"{field}.input_audio.data")
        case InputFile():
            return _file(part, field)
        case InputImage() | Screenshot():
            raise _not_kept(field)
        case Refusal(refusal=text):
            return TextPart(text=text)
        case _:
            return TextPart(text=part.text)


def _file(part: InputFile, field: str) -> TextPart:
    if part.file_data:
        found = text_of_file(part.file_data, f"{field}.file_data")
        return document_part(found, title=part.filename or "")
    if part.file_url:
        raise unreadable_document(f"{field}.file_url")
    if part.file_id:
        raise _not_kept(field)
    raise InvalidRequest(f"{field}.file_data: this field is required", field=f"{field}.file_data")


def _not_kept(field: str) -> CapabilityMissing:
    return CapabilityMissing(
        f"{field}: there are no stored files here",
        hint="send the bytes instead of a file_id",
        field=f"{field}.file_id",
        capability="files",
    )
