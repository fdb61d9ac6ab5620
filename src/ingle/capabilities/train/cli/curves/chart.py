"""`Chart`: lines over steps, and the scales they are drawn in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

Point = tuple[float, float]
"""A step, and a loss (or a reward) there."""


class Line(NamedTuple):
    """One line of a chart."""

    name: str
    points: list[Point]
    marked: bool = False
    """Few points, each of which is shown as such: looks at validation rows."""
    faint: bool = False
    """In the background: single steps, behind their mean."""


class Scale(NamedTuple):
    """From numbers to a place between 0 and 1."""

    low: float
    high: float
    ticks: list[float]

    @classmethod
    def over(cls, low: float, high: float, count: int) -> Scale:
        """A scale with about that many ticks at round numbers, that holds all between."""
        span = high - low or abs(high) or 1.0
        rough = span / max(1, count)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice >= rough * 0.999)
        start, end = math.floor(low / step), math.ceil(high / step)
        if start == end:
            end += 1
        ticks = [round(number * step, 10) for number in range(start, end + 1)]
        return cls(ticks[0], ticks[-1], ticks)

    @classmethod
    def of_steps(cls, low: float, high: float, count: int) -> Scale:
        """A scale that ends where the steps end, its ticks at whole numbers."""
        if high <= low:
            return cls(low - 1, high + 1, [low])
        rough = max(1.0, (high - low) / max(1, count))
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * nice for nice in (1, 2, 5, 10) if power * nice >= rough * 0.999)
        first = math.ceil(low / step)
        return cls(low, high, [n * step for n in range(first, math.floor(high / step) + 1)])

    def place(self, value: float) -> float:
        """0 at the low end, 1 at the high one."""
        return (value - self.low) / (self.high - self.low)


class Chart(NamedTuple):
    """Lines that share their axes."""

    title: str
    lines: list[Line]
    axis: str = "loss (nats)"
    """What goes up and down."""

    def scales(self, across: int, up: int) -> tuple[Scale, Scale]:
        """Scales for the steps and the losses, with about that many ticks.

        Single outliers (of a first step, or a bad one) do not flatten all the rest:
        the highest hundredth of faint lines does not count.
        """
        steps = [step for line in self.lines for step, _ in line.points] or [0.0, 1.0]
        losses = [loss for line in self.lines for loss in _kept(line)] or [0.0, 1.0]
        return Scale.of_steps(min(steps), max(steps), across), Scale.over(
            min(losses), max(losses), up
        )


def smooth(points: Sequence[Point], count: int) -> list[Point]:
    """About ``count`` points, each the mean of its neighbours."""
    if len(points) <= count:
        return list(points)
    found = []
    for number in range(count):
        part = points[number * len(points) // count : (number + 1) * len(points) // count]
        found.append((part[-1][0], sum(loss for _, loss in part) / len(part)))
    return found


def _kept(line: Line) -> list[float]:
    losses = sorted(loss for _, loss in line.points if math.isfinite(loss))
    return losses[: max(1, len(losses) * 99 // 100)] if line.faint else losses
