"""A chart as SVG, written by hand: no library is needed for lines and words."""

from __future__ import annotations

from xml.sax.saxutils import escape

from ingle.capabilities.train.cli.curves.chart import Chart, Point
from ingle.capabilities.train.cli.curves.picture import HEIGHT, WIDTH, Anchor, paint


class _SvgCanvas:
    def __init__(self) -> None:
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        ]

    def line(self, points: list[Point], colour: str, width: float) -> None:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}" '
            'stroke-linejoin="round"/>'
        )

    def dot(self, at: Point, radius: float, colour: str) -> None:
        self.parts.append(
            f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:g}" fill="{colour}"/>'
        )

    def text(self, at: Point, text: str, anchor: Anchor, size: int, colour: str) -> None:
        self.parts.append(
            f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{colour}">{escape(text)}</text>'
        )


def svg(chart: Chart) -> str:
    """The picture as XML."""
    paper = _SvgCanvas()
    paint(chart, paper)
    return "\n".join([*paper.parts, "</svg>\n"])
