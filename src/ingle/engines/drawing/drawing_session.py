"""`DrawingSession`: requests for pictures, through a painter, into files.

An engine that draws brings a `Painter`; all else is here, and the same for each: which size and
seed, what is made of the caller's own pictures, upscaling, previews, and what the files tell.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Any

from PIL import Image

from ingle.capabilities.imagine.operation import (
    MOST_PIXELS,
    REDRAWN,
    Imagine,
    Imagined,
    ImagineStep,
    Picture,
    PicturePreview,
)
from ingle.engines.drawing.painter import LoraWeights, Painter, Stroke, Watch
from ingle.engines.engine import Emit, Feed, LoadSpec, blob_path
from ingle.engines.stop_signal import StopSignal
from ingle.errors import BadModelFile, CapabilityMissing, InvalidRequest
from ingle.models.safetensors_header import read_safetensors
from ingle.operations import Operation
from ingle.operations.events import Note
from ingle.pictures import decode
from ingle.pictures.drawing_settings import DrawingSettings
from ingle.pictures.encode import encoded

MOST_UPSCALED = 16 * 2**20
"""Pixels of a picture that was upscaled."""
SEEDS = 2**32
"""Seeds that are chosen here stay below, as programs elsewhere have them."""


class DrawingSession:
    """See `ingle.engines.engine.Session`."""

    def __init__(self, spec: LoadSpec, painter: Painter, facts: dict[str, Any]) -> None:
        self._spec = spec
        self._painter = painter
        self._signals: dict[int, StopSignal] = {}
        """Of the requests under way, by the identity of their operation."""
        self._alone = threading.Lock()
        self.facts = facts

    def perform(self, operation: Operation, emit: Emit, feed: Feed | None = None) -> None:
        if not isinstance(operation, Imagine):
            raise CapabilityMissing(
                f"{type(operation).__name__}: this model can only draw", capability="imagine"
            )
        stop = self._signals[id(operation)] = StopSignal()
        try:
            with self._alone:
                stop.check()
                self._imagine(operation, emit, stop)
        finally:
            del self._signals[id(operation)]

    def stop(self, operation: Operation) -> None:
        """See `ingle.engines.engine.Stoppable`."""
        signal = self._signals.get(id(operation))
        if signal is not None:
            signal.set()

    def close(self) -> None:
        self._painter.close()

    def _imagine(self, operation: Imagine, emit: Emit, stop: StopSignal) -> None:
        painter = self._painter
        if operation.sampler and operation.sampler not in painter.samplers:
            raise InvalidRequest(
                f"sampler: {operation.sampler!r} is not one that {self._spec.model} can use; "
                f"it has: {', '.join(painter.samplers)}",
                field="sampler",
            )
        painter.check(operation)
        first = self._stroke(operation, emit)
        larger = self._larger(operation, first)
        painter.prepare(self._loras(operation))
        total = painter.steps_of(first) + (painter.steps_of(larger) if larger else 0)
        for index in range(operation.n):
            stroke = first._replace(seed=first.seed + index)
            told = _Told(operation, emit, index, total)
            image = painter.draw(stroke, Watch(stop, told.follow(stroke)))
            if larger is not None:
                enlarged = image.resize((larger.width, larger.height), Image.Resampling.LANCZOS)
                stroke = larger._replace(seed=stroke.seed, image=enlarged)
                image = painter.draw(stroke, Watch(stop, told.follow(stroke)))
            stop.check()
            emit(self._picture(operation, first._replace(seed=stroke.seed), image, index))
        emit(
            Imagined(
                pictures=operation.n,
                seed=first.seed,
                steps=first.steps,
                width=(larger or first).width,
                height=(larger or first).height,
                sampler=first.sampler,
                guidance=first.guidance,
                format=operation.format,
            )
        )

    def _stroke(self, operation: Imagine, emit: Emit) -> Stroke:
        image = self._decoded(operation)
        width, height = self._size(operation, image, emit)
        steps, guidance = self._painter.usual(operation)
        mask = None
        if image is not None:
            mask = self._mask(operation, (width, height))
            image = image.resize((width, height), Image.Resampling.LANCZOS)
        seed = secrets.randbelow(SEEDS) if operation.seed is None else operation.seed
        return Stroke(
            prompt=operation.prompt,
            negative_prompt=operation.negative_prompt,
            seed=seed,
            steps=operation.steps or steps,
            width=width,
            height=height,
            sampler=operation.sampler or self._painter.samplers[0],
            guidance=guidance if operation.guidance is None else operation.guidance,
            strength=operation.strength,
            image=image,
            mask=mask,
        )

    def _decoded(self, operation: Imagine) -> Image.Image | None:
        if operation.image is None:
            return None
        path = blob_path(self._spec, operation.image)
        return decode.decoded(path, operation.image.name or "image", pixels=MOST_PIXELS)

    def _mask(self, operation: Imagine, size: tuple[int, int]) -> Image.Image | None:
        blob = operation.mask
        if blob is None:
            return None
        with decode.opened(blob_path(self._spec, blob), blob.name or "mask") as file:
            return file.mask().resize(size, Image.Resampling.BILINEAR)

    def _size(self, operation: Imagine, image: Image.Image | None, emit: Emit) -> tuple[int, int]:
        canvas = self._painter.canvas
        width, height = operation.width, operation.height
        if image is not None and not (width and height):
            shown = decode.scaled_down(image, pixels=canvas.side**2)
            width, height = width or shown.width, height or shown.height
        asked = (width or canvas.side, height or canvas.side)
        drawn = [max(side - side % canvas.multiple, canvas.multiple) for side in asked]
        if (operation.width or drawn[0], operation.height or drawn[1]) != tuple(drawn):
            emit(
                Note(
                    code="rounded",
                    message=f"drawn as {drawn[0]}x{drawn[1]}: sides are multiples of "
                    f"{canvas.multiple}",
                    field="width",
                )
            )
        return drawn[0], drawn[1]

    def _larger(self, operation: Imagine, stroke: Stroke) -> Stroke | None:
        if operation.upscale == 1:
            return None
        width, height = stroke.width * operation.upscale, stroke.height * operation.upscale
        if width * height > MOST_UPSCALED:
            raise InvalidRequest(
                f"upscale: {width}x{height} are more than {MOST_UPSCALED:,} pixels",
                hint="upscale less, or draw a smaller picture",
                field="upscale",
            )
        image = Image.new("RGB", (width, height))
        strength = max(REDRAWN, 1 / stroke.steps)  # one step at least
        return stroke._replace(
            width=width, height=height, strength=strength, image=image, mask=None
        )

    def _loras(self, operation: Imagine) -> list[LoraWeights]:
        found = []
        for lora in operation.loras:
            path, name = blob_path(self._spec, lora.file), lora.file.name or "the LoRA"
            try:
                read_safetensors(path)
            except BadModelFile as error:
                why = error.message.partition(": ")[2]
                raise InvalidRequest(f"{name}: {why}", field="loras") from None
            found.append(LoraWeights(path, name, lora.scale))
        return found

    def _picture(
        self, operation: Imagine, stroke: Stroke, image: Image.Image, index: int
    ) -> Picture:
        settings = DrawingSettings(
            model=self._spec.model,
            digest=self._spec.digest,
            prompt=stroke.prompt,
            negative_prompt=stroke.negative_prompt,
            seed=stroke.seed,
            steps=stroke.steps,
            width=stroke.width,
            height=stroke.height,
            sampler=stroke.sampler,
            guidance=stroke.guidance,
            upscale=operation.upscale,
            strength=None if operation.image is None else operation.strength,
            image=None if operation.image is None else operation.image.sha256,
            mask=None if operation.mask is None else operation.mask.sha256,
            loras={lora.file.sha256: lora.scale for lora in operation.loras},
        )
        return Picture(
            data=encoded(image, operation.format, settings),
            width=image.width,
            height=image.height,
            seed=stroke.seed,
            index=index,
        )


class _Told:
    """What is told of one picture while it is drawn."""

    def __init__(self, operation: Imagine, emit: Emit, index: int, steps: int) -> None:
        self._emit, self._index, self._steps = emit, index, steps
        self._done = 0
        wanted = min(operation.previews, max(steps - 1, 0))
        self._due = [steps * (number + 1) // (wanted + 1) for number in range(wanted)]

    def follow(self, stroke: Stroke) -> Callable[[int, Callable[[], bytes | None]], None]:
        """For `Watch.step`: of this stroke, whose steps are counted on from those before."""
        before = self._done

        def step(number: int, preview: Callable[[], bytes | None]) -> None:
            self._done = before + number
            self._emit(
                ImagineStep(
                    step=self._done,
                    steps=self._steps,
                    width=stroke.width,
                    height=stroke.height,
                    index=self._index,
                )
            )
            if self._done in self._due and (data := preview()) is not None:
                number = self._due.index(self._done)
                self._emit(
                    PicturePreview(data=data, step=self._done, index=self._index, number=number)
                )

        return step
