"""Which files are taken for pictures, where no one says."""

from __future__ import annotations

ENDINGS = frozenset(
    [
        "avif", "bmp", "gif", "heic", "heif", "jpeg", "jpg", "pbm", "pgm", "png", "pnm", "ppm",
        "tif", "tiff", "webp",
    ]
)  # fmt: skip
"""Of their names, in small letters."""
