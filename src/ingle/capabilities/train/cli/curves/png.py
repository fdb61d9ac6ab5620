"""A chart as PNG, drawn by Pillow at twice the size and made smaller, which smooths it."""

from __future__ import annotations

import io

from ingle.capabilities.train.cli.curves.chart import Chart, Point
from ingle.capabilities.train.cli.curves.picture import HEIGHT, WIDTH, Anchor, paint
from ingle.errors import EngineMissing

TIMES = 2


class _PngCanvas:
    def __init__(self) -> None:
        from PIL import Image, ImageDraw

        self.image = Image.new("RGB", (WIDTH * TIMES, HEIGHT * TIMES), "#ffffff")
        self._draw = ImageDraw.Draw(self.image)

    def line(self, points: list[Point], colour: str, width: float) -> None:
        if len(points) > 1:
            places = [(x * TIMES, y * TIMES) for x, y in points]
            self._draw.line(places, fill=colour, width=round(width * TIMES), joint="curve")

    def dot(self, at: Point, radius: float, colour: str) -> None:
        (x, y), r = at, radius
        box = [(x - r) * TIMES, (y - r) * TIMES, (x + r) * TIMES, (y + r) * TIMES]
        self._draw.ellipse(box, fill=colour)

    def text(self, at: Point, text: str, anchor: Anchor, size: int, colour: str) -> None:
        from PIL import ImageFont

        side = {"start": "ls", "middle": "ms", "end": "rs"}[anchor]
        place = (at[0] * TIMES, at[1] * TIMES)
        font = ImageFont.load_default(size * TIMES)
        self._draw.text(place, text, fill=colour, font=font, anchor=side)


def png(chart: Chart) -> bytes:
    """The picture's file.

    Raises:
        EngineMissing: Pillow is not installed.
    """
    try:
        paper = _PngCanvas()
    except ImportError:
        raise EngineMissing(
            "PNG images need Pillow, which the core installation does not include",
            hint="--svg instead, or: pip install 'ingle[train]'",
        ) from None
    paint(chart, paper)
    target = io.BytesIO()
    paper.image.resize((WIDTH, HEIGHT), reducing_gap=3.0).save(target, "PNG")
    return target.getvalue()
