"""`Painter`: an open model that draws, as `DrawingSession` uses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from PIL import Image

from ingle.capabilities.imagine.operation import Imagine
from ingle.engines.stop_signal import StopSignal


class CanvasSizes(NamedTuple):
    """Sizes of what a model draws."""

    side: int
    """Of the pictures that it was trained on, in pixels."""
    multiple: int
    """Widths and heights are multiples of it."""


class Stroke(NamedTuple):
    """One picture that is to be drawn: settings without anything left open."""

    prompt: str
    negative_prompt: str
    seed: int
    steps: int
    width: int
    height: int
    sampler: str
    guidance: float
    strength: float = 1.0
    image: Image.Image | None = None
    """RGB, of the stroke's size."""
    mask: Image.Image | None = None
    """Grey, of the stroke's size; white where it is to be drawn."""


class LoraWeights(NamedTuple):
    """A LoRA for one request."""

    path: Path
    name: str
    scale: float


class Watch(NamedTuple):
    """Who follows a picture while it is drawn."""

    stop: StopSignal
    step: Callable[[int, Callable[[], bytes | None]], None]
    """Called after each step with its number, from 1, and a function that makes a preview (None
    where it has none). Raises Cancelled."""


class Painter(Protocol):
    """An open model that draws. One thread at a time."""

    @property
    def canvas(self) -> CanvasSizes:
        """Which sizes it draws."""
        ...

    @property
    def samplers(self) -> Sequence[str]:
        """Their names; the first one is its own."""
        ...

    def usual(self, operation: Imagine) -> tuple[int, float]:
        """Steps and guidance where no one says."""
        ...

    def check(self, operation: Imagine) -> None:
        """Raises InvalidRequest: it cannot draw as it is asked to."""
        ...

    def steps_of(self, stroke: Stroke) -> int:
        """How many steps it will report: fewer than asked for where it begins with a picture."""
        ...

    def prepare(self, loras: Sequence[LoraWeights]) -> None:
        """Called before the pictures of a request.

        Raises:
            InvalidRequest: a LoRA is damaged, or of another model.
        """
        ...

    def draw(self, stroke: Stroke, watch: Watch) -> Image.Image:
        """The picture.

        Raises:
            Cancelled: the request has ended.
        """
        ...

    def close(self) -> None:
        """Free everything."""
        ...
