"""Draws the pages: ``python -m recipes.pages.pictures FOLDER``.

Clean sans and serif, letters of 14 pixels, noise, blur, turned by 3, 90 and 180 degrees, two
columns, a table. The fonts are DejaVu 2.37 as matplotlib carries them, fixed by their hashes.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

LINES = (
    "The quick brown fox jumps over the lazy dog.",
    "Invoice 2026-0417   Total: EUR 1,284.50",
    "Patient: Jane Doe, born 12/03/1975, BP 128/84",
    "Local-first inference keeps data on your machine.",
    "def main(argv: list[str]) -> int: return 0",
    "Contact: support@example.org, +44 20 7946 0958",
    "Metformin 500 mg twice daily with meals",
    "SHA-256 e3b0c44298fc1c149afbf4c8996fb924",
)
COLUMNS = (
    (
        "Rivers carry more than",
        "water to the sea: they",
        "bring the mountains in",
        "grains so small that no",
        "one sees them arrive.",
        "In a thousand years a",
        "delta grows by a mile.",
    ),
    (
        "Harbours that stood at",
        "the coast when they were",
        "built lie far inland by",
        "our day, and ships pass",
        "over fields of old wheat",
        "where the sea came back",
        "to take what was its own.",
    ),
)
TITLE = "How the land came to lie where it lies today"
TABLE = (
    ("Item", "Quantity", "Price", "Total"),
    ("Coffee, ground", "12", "4.50", "54.00"),
    ("Filter papers", "3", "1.20", "3.60"),
    ("Kettle", "1", "39.95", "39.95"),
    ("Delivery", "", "", "5.00"),
    ("Sum", "", "", "102.55"),
)
_FONTS = {
    "DejaVuSans": "3fdf69cabf06049ea70a00b5919340e2ce1e6d02b0cc3c4b44fb6801bd1e0d22",
    "DejaVuSerif": "107244956e9962b9e96faccdc551825e0ae0898ae13737133e1b921a2fd35ffa",
}
NOISE, BLUR = 40, 1.5


class PagePicture(NamedTuple):
    """A page and what stands on it."""

    name: str
    image: Image.Image
    lines: tuple[str, ...]
    """In the order in which they are read; of a table its rows, cells parted by tabs."""
    angle: float = 0.0
    most_errors: float = 0.01
    """Of its characters, how many may be read wrong."""


def pages() -> list[PagePicture]:
    """All of them."""
    return [make() for make in PAGES.values()]


def _lines(font: str = "DejaVuSans", size: int = 24) -> Image.Image:
    image = Image.new("RGB", (1000, 60 + len(LINES) * 2 * size), "white")
    _write(image, [(40, 30 + at * 2 * size, text) for at, text in enumerate(LINES)], font, size)
    return image


def _write(image: Image.Image, texts: Sequence[tuple[int, int, str]], font: str, size: int) -> None:
    draw = ImageDraw.Draw(image)
    for x, y, text in texts:
        draw.text((x, y), text, fill="black", font=_font(font, size))


def _turned(image: Image.Image, angle: float) -> Image.Image:
    """Clockwise."""
    return image.rotate(-angle, expand=True, fillcolor="white", resample=Image.Resampling.BICUBIC)


def _noisy(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image).astype(np.float32)
    pixels += np.random.RandomState(0).standard_normal(pixels.shape) * NOISE
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _columns() -> PagePicture:
    image = Image.new("RGB", (1000, 520), "white")
    _write(image, [(60, 30, TITLE)], "DejaVuSerif", 34)
    for left, column in zip((60, 540), COLUMNS, strict=True):
        texts = [(left, 120 + at * 50, text) for at, text in enumerate(column)]
        _write(image, texts, "DejaVuSerif", 28)
    return PagePicture("two columns", image, (TITLE, *COLUMNS[0], *COLUMNS[1]))


def table_picture(*, ruled: bool) -> Image.Image:
    """The table, with rules around its cells or without."""
    image = Image.new("RGB", (1000, 420), "white")
    lefts, top, step = (60, 420, 620, 790), 50, 55
    for row, cells in enumerate(TABLE):
        texts = [(left, top + row * step, cell) for left, cell in zip(lefts, cells, strict=True)]
        _write(image, texts, "DejaVuSans", 26)
    if ruled:
        draw = ImageDraw.Draw(image)
        bottom = top + len(TABLE) * step - 12
        for row in range(len(TABLE) + 1):
            y = top - 12 + row * step
            draw.line((40, y, 940, y), fill="black", width=2)
        for x in (40, 400, 600, 770, 940):
            draw.line((x, top - 12, x, bottom), fill="black", width=2)
    return image


def _table() -> PagePicture:
    rows = tuple("\t".join(row).rstrip("\t") for row in TABLE)
    return PagePicture("a table", table_picture(ruled=False), rows)


def full_page() -> Image.Image:
    """A page of A4 at 150 dots per inch, full of text."""
    image = Image.new("RGB", (1240, 1754), "white")
    texts = [(100, 80 + at * 40, LINES[at % len(LINES)]) for at in range(40)]
    _write(image, texts, "DejaVuSerif", 22)
    return image


@functools.cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(font_path(name)), size)


@functools.cache
def font_path(name: str) -> Path:
    """A font's file. Raises ValueError: it is another one."""
    found = importlib.util.find_spec("matplotlib")
    if found is None or found.origin is None:
        raise ValueError("matplotlib, which carries the fonts, is missing: make extras")
    path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / f"{name}.ttf"
    if hashlib.sha256(path.read_bytes()).hexdigest() != _FONTS[name]:
        raise ValueError(f"{path} is another font than the pages are made with")
    return path


PAGES: dict[str, Callable[[], PagePicture]] = {
    "sans": lambda: PagePicture("sans", _lines(), LINES),
    "serif": lambda: PagePicture("serif", _lines("DejaVuSerif"), LINES),
    "14 px": lambda: PagePicture("14 px", _lines(size=14), LINES, most_errors=0.02),
    "noise": lambda: PagePicture("noise", _noisy(_lines()), LINES),
    "blur": lambda: PagePicture(
        "blur", _lines(size=22).filter(ImageFilter.GaussianBlur(BLUR)), LINES, most_errors=0.02
    ),
    "3 degrees": lambda: PagePicture("3 degrees", _turned(_lines(), 3), LINES, 3),
    "90 degrees": lambda: PagePicture("90 degrees", _turned(_lines(), 90), LINES, 90),
    "180 degrees": lambda: PagePicture("180 degrees", _turned(_lines(), 180), LINES, 180),
    "two columns": _columns,
    "a table": _table,
}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for made in pages():
        made.image.save(folder / f"{made.name.replace(' ', '-')}.png")
