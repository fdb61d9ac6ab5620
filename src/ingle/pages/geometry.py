"""Polygons of lines and words: their angle, their bounds, and turning them upright."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ingle.capabilities.ocr.operation import Polygon

Point = tuple[float, float]


class Box(NamedTuple):
    """An upright rectangle: left, top, right, bottom."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From top to bottom."""
        return self.bottom - self.top

    @property
    def middle(self) -> Point:
        """Its centre."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def overlap_x(self, other: Box) -> float:
        """Length that both have in common, sideways; negative: of the gap between them."""
        return min(self.right, other.right) - max(self.left, other.left)

    def overlap_y(self, other: Box) -> float:
        """The same from top to bottom."""
        return min(self.bottom, other.bottom) - max(self.top, other.top)


def union(boxes: Iterable[Box]) -> Box:
    """The smallest box around all of them."""
    every = list(boxes)
    return Box(
        min(box.left for box in every),
        min(box.top for box in every),
        max(box.right for box in every),
        max(box.bottom for box in every),
    )


def corners(polygon: Polygon) -> list[Point]:
    """Its four points, from the text's top left, clockwise."""
    return [(polygon[at], polygon[at + 1]) for at in range(0, 8, 2)]


def polygon_of(points: Sequence[Sequence[float]]) -> Polygon:
    """Four points as whole pixels."""
    (a, b), (c, d), (e, f), (g, h) = ((round(float(x)), round(float(y))) for x, y in points)
    return a, b, c, d, e, f, g, h


def box_polygon(box: Box) -> Polygon:
    """An upright box as a polygon."""
    return polygon_of(
        [
            (box.left, box.top),
            (box.right, box.top),
            (box.right, box.bottom),
            (box.left, box.bottom),
        ]
    )


def bounds(polygon: Polygon) -> Box:
    """The upright box around a polygon, as it lies in the page."""
    return Box(min(polygon[::2]), min(polygon[1::2]), max(polygon[::2]), max(polygon[1::2]))


def angle_of(polygon: Polygon) -> float:
    """Degrees by which the text is turned clockwise, 0 to 360."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners(polygon)
    # Both long sides: each of them is rounded to pixels.
    across = x1 - x0 + x2 - x3, y1 - y0 + y2 - y3
    return math.degrees(math.atan2(across[1], across[0])) % 360.0


def length_of(polygon: Polygon) -> float:
    """Along the text."""
    (x0, y0), (x1, y1), *_ = corners(polygon)
    return math.hypot(x1 - x0, y1 - y0)


def upright(polygon: Polygon, angle: float) -> Box:
    """The box around a polygon after the page was turned back by its angle.

    Coordinates are those of a page turned around its top left corner: they may be negative.
    """
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    points = [(x * cosine + y * sine, y * cosine - x * sine) for x, y in corners(polygon)]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return Box(min(xs), min(ys), max(xs), max(ys))


def part(polygon: Polygon, start: float, end: float) -> Polygon:
    """A stretch of a line.

    Args:
        start, end: fractions of its length, from where the text begins.
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners(polygon)

    def between(a: Point, b: Point, at: float) -> Point:
        return a[0] + (b[0] - a[0]) * at, a[1] + (b[1] - a[1]) * at

    top, bottom = ((x0, y0), (x1, y1)), ((x3, y3), (x2, y2))
    return polygon_of(
        [
            between(*top, start),
            between(*top, end),
            between(*bottom, end),
            between(*bottom, start),
        ]
    )


def enclosing(points: Iterable[Point], angle: float) -> Polygon:
    """The smallest polygon around points whose text is turned clockwise by an angle."""
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    level = [(x * cosine + y * sine, y * cosine - x * sine) for x, y in points]
    left, right = min(x for x, _ in level), max(x for x, _ in level)
    top, bottom = min(y for _, y in level), max(y for _, y in level)
    return polygon_of(
        [
            (x * cosine - y * sine, y * cosine + x * sine)
            for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))
        ]
    )


def around(polygons: Sequence[Polygon]) -> Polygon:
    """The smallest polygon around some, turned as the longest of them."""
    angle = angle_of(max(polygons, key=length_of))
    return enclosing([point for polygon in polygons for point in corners(polygon)], angle)


def turned(polygon: Polygon, quarters: int, width: int, height: int) -> Polygon:
    """Where a polygon lies after its image was turned clockwise.

    Args:
        quarters: turns by 90 degrees.
        width, height: of the image before.
    """
    points = corners(polygon)
    for _ in range(quarters % 4):
        points = [(height - y, x) for x, y in points]
        width, height = height, width
    return polygon_of(points)


def page_angle(polygons: Sequence[Polygon]) -> float:
    """The angle of a page of lines: the middle one of those that go the way most of the text goes.

    Long lines say more than short ones. 0 where there are none.
    """
    if not polygons:
        return 0.0
    angles = [(angle_of(polygon), length_of(polygon)) for polygon in polygons]
    quarters = [0.0] * 4
    for angle, length in angles:
        quarters[round(angle / 90) % 4] += length
    main = 90.0 * quarters.index(max(quarters))
    near = sorted(
        ((angle - main + 180) % 360 - 180, length)
        for angle, length in angles
        if round(angle / 90) % 4 * 90.0 == main
    )
    half, passed = sum(length for _, length in near) / 2, 0.0
    for angle, length in near:
        passed += length
        if passed >= half:
            return round((main + angle) % 360, 2) % 360
    return main
