"""Imagine: a text in, pictures out, step by step."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations.blob import Blob
from ingle.operations.events import ModelResult
from ingle.operations.guest_rules import Costless, Estimated, Overruled, Tallied
from ingle.operations.operation import Checked, Event, KeepAlive, ModelOperation

LONGEST_PROMPT = 20_000
MOST_STEPS = 500
SMALLEST_SIDE, LARGEST_SIDE = 16, 4096
MOST_PIXELS = 4 * 2**20
"""Of one picture, before it is upscaled."""
MOST_PICTURES = 16
MOST_PREVIEWS = 64
MOST_LORAS = 8
LARGEST_SEED = 2**63 - 1
REDRAWN = 0.35
"""How much of a picture that was enlarged is drawn over: details, and not what it shows."""

PictureFormat = Literal["png", "jpeg", "webp"]
_SAME = "steps and pixels are what is counted, and they are the same"
Side = Annotated[int, msgspec.Meta(ge=SMALLEST_SIDE, le=LARGEST_SIDE)]
Prompt = Annotated[str, msgspec.Meta(max_length=LONGEST_PROMPT)]


class LoraFile(Checked, frozen=True, kw_only=True):
    """A LoRA adapter of a model that draws, as a safetensors file."""

    file: Blob
    scale: Annotated[float, msgspec.Meta(ge=-10.0, le=10.0)] = 1.0


class Imagine(ModelOperation, frozen=True, kw_only=True, tag="imagine"):
    """Draw pictures.

    Events: `ImagineStep` after each step, a `PicturePreview` now and then if any are asked for, a
    `Picture` for each picture when it is done; in the end one `Imagined`.
    """

    prompt: Annotated[Prompt, Costless(_SAME)] = ""
    """What is to be seen. May be empty where there is an ``image``."""
    negative_prompt: Annotated[Prompt, Costless(_SAME)] = ""
    """What is not."""
    seed: Annotated[Annotated[int, msgspec.Meta(ge=0, le=LARGEST_SEED)] | None, Costless(_SAME)] = (
        None
    )
    """Of the first picture; each further one has the next. None: any, which the result tells. The
    same seed and settings give the same bytes on the same device."""
    steps: Annotated[Annotated[int, msgspec.Meta(ge=1, le=MOST_STEPS)] | None, Estimated()] = None
    """None: as many as suit the model."""
    width: Annotated[Side | None, Estimated()] = None
    """None: as the model was trained, or as ``image`` has it. Rounded down to what it can draw."""
    height: Annotated[Side | None, Estimated()] = None
    sampler: Annotated[str, msgspec.Meta(max_length=64), Costless(_SAME)] = ""
    """Such as ``euler``, ``ddim``, ``dpm++2m``; empty: as the model brings it."""
    guidance: Annotated[Annotated[float, msgspec.Meta(ge=0, le=100)] | None, Tallied()] = None
    """How closely the prompt is followed (the scale of classifier-free guidance). None: as suits
    the model."""
    n: Annotated[int, msgspec.Meta(ge=1, le=MOST_PICTURES), Estimated()] = 1
    """How many pictures, one after the other."""
    image: Annotated[Blob | None, Costless(_SAME)] = None
    """A picture to begin with, in place of noise."""
    mask: Annotated[Blob | None, Costless(_SAME)] = None
    """White where ``image`` is to be drawn over; or transparent there, if it has any
    transparency."""
    strength: Annotated[float, msgspec.Meta(gt=0, le=1), Costless(_SAME)] = 0.75
    """How much of ``image`` is drawn over; 1: all of it."""
    loras: Annotated[
        Annotated[list[LoraFile], msgspec.Meta(max_length=MOST_LORAS)],
        Costless("a LoRA adds a hundredth to a step, and its file is in the caller's quota"),
    ] = []
    upscale: Annotated[Literal[1, 2, 4], Estimated()] = 1
    """Times each side: enlarged, and then drawn over a little by the model."""
    previews: Annotated[int, msgspec.Meta(ge=0, le=MOST_PREVIEWS), Tallied()] = 0
    """How many small pictures of each one tell how far it is, evenly over its steps."""
    format: Annotated[PictureFormat, Costless(_SAME)] = "png"
    """Only PNG keeps the settings in the file."""
    keep_alive: Annotated[KeepAlive | None, Overruled(None)] = None

    def check(self) -> None:
        if self.image is None:
            if self.mask is not None:
                raise InvalidRequest("mask: there is no image that it belongs to", field="mask")
            if not self.prompt.strip():
                raise InvalidRequest("prompt: there is nothing to draw", field="prompt")
        if self.width and self.height and self.width * self.height > MOST_PIXELS:
            raise InvalidRequest(
                f"width, height: {self.width}x{self.height} are more than {MOST_PIXELS:,} pixels",
                hint="draw a smaller picture, and upscale it: --upscale 2",
                field="width",
            )


class ImagineStep(Event, frozen=True, kw_only=True, tag="imagine.step"):
    """A step is done."""

    step: int
    """From 1."""
    steps: int
    """Of this picture, upscaling included."""
    width: int
    height: int
    """Of what the step was about, in pixels of the picture."""
    index: int = 0
    """Which of the ``n`` pictures."""


class PicturePreview(Event, frozen=True, kw_only=True, tag="imagine.preview"):
    """A small picture of how far it is."""

    data: bytes
    """A PNG file."""
    step: int
    index: int = 0
    number: int = 0
    """Which of its previews, from 0."""


class Picture(Event, frozen=True, kw_only=True, tag="imagine.picture"):
    """A picture is done."""

    piece = True

    data: bytes
    """A file of the format that was asked for."""
    width: int
    height: int
    seed: int
    index: int = 0


class Imagined(ModelResult, frozen=True, kw_only=True, tag="imagine.done"):
    """All pictures were drawn, with these settings."""

    pictures: int
    seed: int
    """Of the first one."""
    steps: int
    width: int
    height: int
    sampler: str
    guidance: float
    format: PictureFormat
