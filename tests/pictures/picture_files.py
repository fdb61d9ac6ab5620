"""Picture files as tests need them: true ones, and ones that lie."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

RED, GREEN, BLUE = (255, 0, 0), (0, 128, 0), (0, 0, 255)


def quarters(size: int = 32) -> Image.Image:
    """Red, green, blue and white, each in its quarter: which way is up can be seen."""
    image = Image.new("RGB", (size, size), "white")
    half = size // 2
    image.paste(RED, (0, 0, half, half))
    image.paste(GREEN, (half, 0, size, half))
    image.paste(BLUE, (0, half, half, size))
    return image


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """A file of it."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(width: int, height: int, rows: bytes, *, depth: int = 8, colour: int = 0) -> bytes:
    """A PNG that announces what it is told to, and has these rows compressed."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (
            (b"IHDR", header),
            (b"IDAT", zlib.compress(rows, 9)),
            (b"IEND", b""),
        )
    )


def bomb(side: int = 30_000) -> bytes:
    """A megabyte that would be 900 million pixels."""
    return png(side, side, bytes(side // 8 + 1) * side, depth=1)


def empty_png() -> bytes:
    """0x0 pixels."""
    return png(0, 0, b"")


def sixteen_bit() -> bytes:
    """A grey gradient of 16 bits."""
    ramp = np.linspace(0, 65535, 32 * 32).astype(np.uint16).reshape(32, 32)
    return encoded(Image.fromarray(ramp))


def animated() -> bytes:
    """A GIF of three frames: red, green, blue."""
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, GREEN, BLUE)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=40)
