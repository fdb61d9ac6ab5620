"""Tables, by how their cells are aligned: with rules around them or without.

Text on both sides of a white strip is a table if it stands in rows and is not prose.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from ingle.capabilities.ocr.operation import OcrBlock, OcrCell
from ingle.pages.line_segments import Segment

SAME_ROW = 0.6
"""Of a line's height: by how much the middles of what is in one row may differ."""
GUTTER = 0.6
"""Of a line's height: the least width of what is between two columns."""
PROSE_WORDS, PROSE_LETTERS = 4, 18
"""Of a usual line of a column of prose. Cells have fewer."""
PROSE_FILLED = 0.6
"""Of a column's width: what a usual line of prose reaches over."""
IN_ROWS = 0.6
"""Of a table's rows: how many have more than one cell."""


class Gutter(NamedTuple):
    """A white strip between two columns."""

    left: float
    right: float

    @property
    def middle(self) -> float:
        """Between both of its edges."""
        return (self.left + self.right) / 2


def gutters(found: Sequence[Segment], height: float) -> list[Gutter]:
    """The strips that no segment touches, from left to right."""
    strips: list[Gutter] = []
    right: float | None = None
    for segment in sorted(found, key=lambda segment: segment.box.left):
        if right is not None and segment.box.left - right >= GUTTER * height:
            strips.append(Gutter(right, segment.box.left))
        right = segment.box.right if right is None else max(right, segment.box.right)
    return strips


def rows_of(found: Sequence[Segment], height: float) -> list[list[Segment]]:
    """Segments whose middles are at the same height, from the top; each row from the left."""
    rows: list[list[Segment]] = []
    middles: list[float] = []
    for segment in sorted(found, key=lambda segment: segment.box.middle[1]):
        middle = segment.box.middle[1]
        if rows and middle - statistics.fmean(middles) <= SAME_ROW * height:
            rows[-1].append(segment)
            middles.append(middle)
        else:
            rows.append([segment])
            middles = [middle]
    return [sorted(row, key=lambda segment: segment.box.left) for row in rows]


def is_prose(found: Sequence[Segment], between: Sequence[Gutter]) -> bool:
    """At least two of the columns hold running text."""
    columns: list[list[Segment]] = [[] for _ in range(len(between) + 1)]
    for segment in found:
        columns[column_of(segment, between)].append(segment)
    return sum(map(_runs, columns)) >= 2


def as_table(found: Sequence[Segment], between: Sequence[Gutter], height: float) -> OcrBlock | None:
    """The table that segments make; None: they make none."""
    rows = rows_of(found, height)
    several = [len({column_of(segment, between) for segment in row}) > 1 for row in rows]
    if sum(several) < max(2, IN_ROWS * len(rows)):
        return None
    cells: dict[tuple[int, int], list[Segment]] = {}
    for number, row in enumerate(rows):
        for segment in row:
            cells.setdefault((number, column_of(segment, between)), []).append(segment)
    told = [
        OcrCell(row=row, column=column, lines=[segment.line for segment in inside])
        for (row, column), inside in sorted(cells.items())
    ]
    return OcrBlock(kind="table", lines=[line for cell in told for line in cell.lines], cells=told)


def column_of(segment: Segment, between: Sequence[Gutter]) -> int:
    """The number of the column that a segment is in, from 0."""
    return sum(segment.box.middle[0] > gutter.middle for gutter in between)


def _runs(column: Sequence[Segment]) -> bool:
    """It is running text."""
    if len(column) < 2:
        return False
    width = max(s.box.right for s in column) - min(s.box.left for s in column)
    words = statistics.median(len(segment.line.text.split()) for segment in column)
    letters = statistics.median(len(segment.line.text) for segment in column)
    filled = statistics.median(segment.box.width for segment in column)
    return words >= PROSE_WORDS and letters >= PROSE_LETTERS and filled >= PROSE_FILLED * width
