"""``/v1/images/generations``, ``/edits`` and ``/variations`` (API reference, "Images"): to an
operation, and its events to the answer."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from ingle.capabilities.imagine.operation import (
    Imagine,
    Imagined,
    Picture,
    PictureFormat,
    PicturePreview,
)
from ingle.errors import IngleError, InvalidRequest
from ingle.operations import Event
from ingle.operations.blob import Blob
from ingle.wire import sse
from ingle.wire.body import Body, decode, renamed
from ingle.wire.duration import seconds
from ingle.wire.openai.errors import failed_chunk

_NAMES = {"format": "output_format", "width": "size", "height": "size"}
Fields = Mapping[str, Sequence[str]]
Kind = Literal["image_generation", "image_edit"]
TYPES: dict[PictureFormat, str] = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
}
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})\Z")
_PASSED_OVER = ("quality", "style", "background", "moderation", "input_fidelity")
_NO_CHOICE = {"auto", "standard", "opaque", "vivid", "low"}
"""Values of those that say nothing that is not so here."""


class ImageBody(Body, kw_only=True):
    """The fields of the route; those from ``negative_prompt`` on are ours."""

    prompt: str
    model: str = ""
    n: int | None = None
    size: str | None = None
    response_format: Literal["url", "b64_json"] | None = None
    output_format: str | None = None
    stream: bool | None = None
    partial_images: int | None = None
    quality: str | None = None
    style: str | None = None
    background: str | None = None
    moderation: str | None = None
    input_fidelity: str | None = None
    negative_prompt: str | None = None
    seed: int | None = None
    steps: int | None = None
    sampler: str | None = None
    guidance: float | None = None
    strength: float | None = None
    upscale: int | None = None
    keep_alive: float | str | None = None
    on: str | None = None


class ImageRequest(NamedTuple):
    """What the client asked, and how it wants the answer."""

    fields: dict[str, Any]
    """Of the operation, without its pictures."""
    stream: bool
    urls: bool
    """Addresses of the pictures, in place of their bytes."""
    notes: list[str]
    """What of the request has no effect here."""

    def operation(self, image: Blob | None = None, mask: Blob | None = None) -> Imagine:
        """What is to be performed.

        Raises:
            InvalidRequest: names the client's field.
        """
        with renamed(_NAMES):
            return Imagine(**self.fields, image=image, mask=mask)


def parse(data: bytes, model: str) -> ImageRequest:
    """Read the body of ``/v1/images/generations``.

    Args:
        model: where the body names none.

    Raises:
        InvalidRequest: names the client's field.
    """
    return _request(decode(data, ImageBody), model)


def parse_form(fields: Fields, model: str, *, varied: bool = False) -> ImageRequest:
    """Read a form of ``/v1/images/edits`` or ``/variations``, without its pictures.

    Raises:
        InvalidRequest: names the field.
    """
    names = {field.name: field.type for field in msgspec.structs.fields(ImageBody)}
    given: dict[str, Any] = {
        name: values[-1] for name, values in fields.items() if name in names and values
    }
    given.setdefault("prompt", "")
    if not given["prompt"].strip() and not varied:
        raise InvalidRequest("prompt: there is nothing to draw", field="prompt")
    try:
        body = msgspec.convert(given, ImageBody, strict=False)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        field = path.rstrip("`") or "body"
        raise InvalidRequest(f"{field}: {reason}", field=field) from None
    return _request(body, model)


def _request(body: ImageBody, model: str) -> ImageRequest:
    width, height = _size(body.size)
    if not 0 <= (body.partial_images or 0) <= 3:
        raise InvalidRequest("partial_images: from 0 to 3", field="partial_images")
    given: dict[str, Any] = {
        "model": body.model or model,
        "prompt": body.prompt,
        "negative_prompt": body.negative_prompt,
        "n": body.n,
        "width": width,
        "height": height,
        "seed": body.seed,
        "steps": body.steps,
        "sampler": body.sampler,
        "guidance": body.guidance,
        "strength": body.strength,
        "upscale": body.upscale,
        "format": _format(body.output_format or "png"),
        "previews": body.partial_images if body.stream else None,
        "keep_alive": seconds(body.keep_alive),
        "on": body.on,
    }
    fields = {name: value for name, value in given.items() if value is not None}
    notes = [
        f"{name}: {value} has no effect here"
        for name in _PASSED_OVER
        if (value := getattr(body, name)) and value not in _NO_CHOICE
    ]
    return ImageRequest(fields, bool(body.stream), body.response_format == "url", notes)


def _size(text: str | None) -> tuple[int | None, int | None]:
    if text is None or text == "auto":
        return None, None
    found = _SIZE.match(text)
    if found is None:
        raise InvalidRequest(f"size: {text!r} is not WIDTHxHEIGHT", field="size")
    return int(found[1]), int(found[2])


def _format(name: str) -> PictureFormat:
    found = next((form for form in TYPES if form == name), None)
    if found is None:
        raise InvalidRequest(
            f"output_format: {name!r} is not supported; use {', '.join(TYPES)}",
            field="output_format",
        )
    return found


class DrawnPicture(NamedTuple):
    """One picture of an answer."""

    picture: Picture
    url: str = ""
    """Where it can be fetched; empty: its bytes are in the answer."""


def answer(pictures: Sequence[DrawnPicture], done: Imagined, created: int) -> bytes:
    """``{"created", "data": [{"b64_json" or "url"}], ...}``; ``seed`` is ours."""
    rows = [
        {
            **({"url": each.url} if each.url else {"b64_json": _text(each.picture.data)}),
            "seed": each.picture.seed,
        }
        for each in pictures
    ]
    told = {"created": created, "data": rows, "output_format": done.format}
    return sse.encode({**told, "size": f"{done.width}x{done.height}", "usage": _usage(done)})


class ImageEvents:
    """``image_generation.partial_image`` and ``.completed`` events, or those of ``image_edit``.

    See `ingle.wire.dialect.EventStream`.
    """

    content_type = sse.CONTENT_TYPE

    def __init__(self, kind: Kind, form: PictureFormat, created: int) -> None:
        self._kind, self._form, self._created = kind, form, created
        self._pictures: list[Picture] = []

    def add(self, event: Event) -> bytes:
        """An event of the API for one of ours. Those of whole pictures wait for the last one,
        which says what was used."""
        match event:
            case PicturePreview(data=data, number=number):
                told = {"partial_image_index": number, "output_format": "png"}
                return self._event("partial_image", data, told)
            case Picture():
                self._pictures.append(event)
            case Imagined():
                size = f"{event.width}x{event.height}"
                told = {"output_format": self._form, "size": size, "usage": _usage(event)}
                return b"".join(
                    self._event("completed", each.data, {**told, "seed": each.seed})
                    for each in self._pictures
                )
        return b""

    def end(self) -> bytes:
        """Nothing follows."""
        return b""

    def fail(self, error: IngleError) -> bytes:
        """An error event."""
        return failed_chunk(error)

    def _event(self, name: str, data: bytes, told: dict[str, Any]) -> bytes:
        kind = f"{self._kind}.{name}"
        fields = {"type": kind, "b64_json": _text(data), "created_at": self._created}
        return sse.named(kind, {**fields, "background": "opaque", "quality": "auto", **told})


def _usage(done: Imagined) -> dict[str, Any]:
    """What is counted here are steps of pixels; nothing here has tokens."""
    details = {"image_tokens": 0, "text_tokens": 0}
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    return {**usage, "input_tokens_details": details}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
