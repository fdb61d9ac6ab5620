"""A chart as a picture: the layout, once, on whatever canvas."""

from __future__ import annotations

from typing import Literal, Protocol

from ingle.capabilities.train.cli.curves.chart import Chart, Point

WIDTH, HEIGHT = 960, 540
LEFT, RIGHT, TOP, BOTTOM = 72, 24, 48, 56
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Told apart by the colour-blind, too (Okabe and Ito 2008)."""
INK, GRID = "#333333", "#e2e2e2"
Anchor = Literal["start", "middle", "end"]


class Canvas(Protocol):
    """What a picture is drawn on. Points are in pixels, from the upper left."""

    def line(self, points: list[Point], colour: str, width: float) -> None:
        """Straight lines from point to point."""
        ...

    def dot(self, at: Point, radius: float, colour: str) -> None:
        """A filled circle."""
        ...

    def text(self, at: Point, text: str, anchor: Anchor, size: int, colour: str) -> None:
        """Text whose base line is at a point."""
        ...


def paint(chart: Chart, canvas: Canvas) -> None:
    """Draw a chart."""
    x, y = chart.scales(8, 6)
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def at(step: float, loss: float) -> Point:
        across = LEFT + x.place(step) * (right - LEFT)
        return across, bottom - max(0.0, min(1.0, y.place(loss))) * (bottom - TOP)

    for tick in y.ticks:
        level = at(x.low, tick)[1]
        canvas.line([(LEFT, level), (right, level)], GRID, 1)
        canvas.text((LEFT - 8, level + 5), f"{tick:g}", "end", 14, INK)
    for tick in x.ticks:
        place = at(tick, y.low)[0]
        canvas.line([(place, bottom), (place, bottom + 5)], INK, 1)
        canvas.text((place, bottom + 22), f"{tick:g}", "middle", 14, INK)
    canvas.line([(LEFT, TOP), (LEFT, bottom), (right, bottom)], INK, 1)
    canvas.text((LEFT, TOP - 20), chart.title, "start", 18, INK)
    canvas.text((right, bottom + 44), "step", "end", 14, INK)
    canvas.text((LEFT - 8, bottom + 44), chart.axis, "start", 14, INK)
    number = 0
    for line in chart.lines:
        colour = COLOURS[number % len(COLOURS)]
        points = [at(step, loss) for step, loss in line.points if loss - loss == 0]
        if line.faint:
            canvas.line(points, _pale(colour), 1)
            continue
        canvas.line(points, colour, 2)
        for point in points if line.marked else points[-1:]:
            canvas.dot(point, 4, colour)
        where = TOP + 16 + 22 * number
        canvas.line([(right - 200, where), (right - 176, where)], colour, 3)
        canvas.text((right - 168, where + 5), line.name, "start", 14, INK)
        number += 1


def _pale(colour: str) -> str:
    """Half way to white."""
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{(part + 2 * 255) // 3:02x}" for part in parts)
