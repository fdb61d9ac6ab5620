"""`DrawingSettings`: with what a picture was drawn, as its PNG file tells it.

Two texts: ``ingle``, JSON with all of it; and ``parameters``, the lines that other programs write
and read (after AUTOMATIC1111's web UI).
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations.encoded import UNREADABLE
from ingle.pictures.png_texts import png_texts

KEYWORD, LINES = "ingle", "parameters"


class DrawingSettings(msgspec.Struct, kw_only=True, omit_defaults=True, frozen=True):
    """See `ingle.capabilities.imagine.operation.Imagine` for what the fields mean."""

    model: str
    digest: str = ""
    prompt: str = ""
    negative_prompt: str = ""
    seed: int
    steps: int
    width: int
    """Before it was upscaled, as ``height``."""
    height: int
    sampler: str
    guidance: float
    upscale: int = 1
    strength: float | None = None
    image: str | None = None
    """SHA-256 of the picture that it began with, as ``mask``."""
    mask: str | None = None
    loras: dict[str, float] = {}
    """SHA-256 of each and its scale."""

    def texts(self) -> dict[str, str]:
        """For the file, by keyword."""
        facts = {
            "Steps": self.steps,
            "Sampler": self.sampler,
            "CFG scale": f"{self.guidance:g}",
            "Seed": self.seed,
            "Size": f"{self.width}x{self.height}",
            "Model": self.model,
        }
        if self.strength is not None:
            facts["Denoising strength"] = f"{self.strength:g}"
        lines = [self.prompt]
        if self.negative_prompt:
            lines.append(f"Negative prompt: {self.negative_prompt}")
        lines.append(", ".join(f"{name}: {value}" for name, value in facts.items()))
        return {KEYWORD: msgspec.json.encode(self).decode(), LINES: "\n".join(lines)}


def read_settings(path: Path) -> DrawingSettings:
    """With what a file was drawn.

    Raises:
        InvalidRequest: it is not a PNG, damaged, or tells nothing of it.
    """
    text = png_texts(path).get(KEYWORD)
    if text is None:
        raise InvalidRequest(
            f"{path}: it does not say with which settings it was drawn",
            hint="give a PNG that ingle imagine has written",
            field="like",
        )
    try:
        return msgspec.json.decode(text, type=DrawingSettings)
    except UNREADABLE as error:
        why = f"{path}: its settings cannot be read: {error}"
        raise InvalidRequest(why, field="like") from None
