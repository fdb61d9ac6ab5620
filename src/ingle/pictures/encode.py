"""Pictures into files."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ingle.pictures.drawing_settings import DrawingSettings

QUALITY = 92
"""Of JPEG and WebP."""
SMALL = 256
"""Pixels of the longer side of a preview."""


def encoded(image: Image.Image, form: str, settings: DrawingSettings | None = None) -> bytes:
    """A file of ``png``, ``jpeg`` or ``webp``; only PNG keeps the settings."""
    file = io.BytesIO()
    options: dict[str, Any] = {"quality": QUALITY}
    if form == "png":
        texts = PngInfo()
        for keyword, text in (settings.texts() if settings is not None else {}).items():
            texts.add_itxt(keyword, text)
        options = {"pnginfo": texts}
    image.save(file, form.upper(), **options)
    return file.getvalue()


def preview(image: Image.Image) -> bytes:
    """A small PNG."""
    small = image.copy()
    small.thumbnail((SMALL, SMALL))
    file = io.BytesIO()
    small.save(file, "PNG")
    return file.getvalue()
