"""In what order a page is read: bands, columns, tables and paragraphs, from where its lines stand.

The page is cut as by hand: the longest white strip from top to bottom that text stands on both
sides of parts columns or cells; what is above and below it is cut by itself, and so is each
column (after the recursive X-Y cut of Nagy and Seth, 1984, with strips in place of projections).
Whether text on both sides is columns or a table, `ingle.pages.page_tables` decides.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from ingle.capabilities.ocr.operation import OcrBlock, OcrLine
from ingle.pages.geometry import Box, union
from ingle.pages.line_segments import Segment, joined, line_height, segments
from ingle.pages.page_tables import Gutter, as_table, column_of, gutters, is_prose, rows_of

TOUCHING = 0.05
"""Of a line's height: what overlaps more from top to bottom is in one band."""
BEFORE, STRIP = 0.4, 0.2
"""By a line's height: how far before a line a white strip is looked for, which is so much wide at
least to both sides. The difference is what beginnings of lines in a column may vary by."""
APART = 1.5
"""By how much further than usual lines are apart where a paragraph ends."""
TALLER = 1.5
"""The same of their heights."""
DEEPEST = 32
"""Columns within columns."""


class _Strip(NamedTuple):
    """A white strip: which bands it goes through, and the lines at its narrower side."""

    first: int
    end: int
    at: float
    lines: int
    width: float


def ordered_blocks(lines: Sequence[OcrLine], angle: float) -> list[OcrBlock]:
    """The blocks of a page in the order in which they are read.

    Args:
        lines: in any order.
        angle: of the page, in degrees clockwise.
    """
    found = segments([line for line in lines if line.text.strip()], angle)
    return _arranged(found, line_height(found), 0)


def _arranged(found: Sequence[Segment], height: float, depth: int) -> list[OcrBlock]:
    """The blocks of a part of the page."""
    bands = _bands(found, height)
    strip = _longest_strip(bands, height) if depth < DEEPEST else None
    if strip is None:
        return _paragraphs(found, height)
    first, end = _both_sided(bands, strip)
    core = _inside(bands, first, end)
    between = gutters(core, height)
    prose = is_prose(core, between)
    table = None if prose else as_table(core, between, height)
    if table is not None:
        blocks = [table]
    elif prose or not _in_step(core, between, height):
        first, end = _trimmed(bands, strip, height)
        inner = _inside(bands, first, end)
        blocks = [
            block
            for column in _columns(inner, gutters(inner, height))
            for block in _arranged(column, height, depth + 1)
        ]
    else:
        blocks = _paragraphs(core, height)
    before, after = _inside(bands, 0, first), _inside(bands, end, len(bands))
    return [
        *(_arranged(before, height, depth + 1) if before else []),
        *blocks,
        *(_arranged(after, height, depth + 1) if after else []),
    ]


def _bands(found: Sequence[Segment], height: float) -> list[list[Segment]]:
    """Segments that overlap from top to bottom, directly or through others; from the top."""
    bands: list[list[Segment]] = []
    bottom = 0.0
    for segment in sorted(found, key=lambda segment: segment.box.top):
        if not bands or segment.box.top > bottom - TOUCHING * height:
            bands.append([])
            bottom = segment.box.bottom
        bands[-1].append(segment)
        bottom = max(bottom, segment.box.bottom)
    return bands


def _longest_strip(bands: Sequence[Sequence[Segment]], height: float) -> _Strip | None:
    """The white strip with the most lines on both sides; None: there is none."""
    margin, before = STRIP * height, BEFORE * height
    places = {
        round((segment.box.left - before) / height * 4): segment.box.left - before
        for band in bands
        for segment in band
    }
    best: _Strip | None = None
    for at in places.values():
        first = 0
        for end in range(len(bands) + 1):
            if end < len(bands) and not _crossed(bands[end], at, margin):
                continue
            strip = _strip(bands, first, end, at)
            if strip is not None and (
                best is None or (strip.lines, strip.width) > (best.lines, best.width)
            ):
                best = strip
            first = end + 1
    return best


def _crossed(band: Sequence[Segment], at: float, margin: float) -> bool:
    return any(
        segment.box.left < at + margin and segment.box.right > at - margin for segment in band
    )


def _strip(bands: Sequence[Sequence[Segment]], first: int, end: int, at: float) -> _Strip | None:
    inner = [segment.box for band in bands[first:end] for segment in band]
    left = [box for box in inner if box.right <= at]
    right = [box for box in inner if box.left >= at]
    if min(len(left), len(right)) < 2:
        return None
    width = min(box.left for box in right) - max(box.right for box in left)
    return _Strip(first, end, at, min(len(left), len(right)), width)


def _inside(bands: Sequence[Sequence[Segment]], first: int, end: int) -> list[Segment]:
    return [segment for band in bands[first:end] for segment in band]


def _both_sided(bands: Sequence[Sequence[Segment]], strip: _Strip) -> tuple[int, int]:
    """From the first to the last of a strip's bands that have text on both sides of it."""
    both = [
        at
        for at in range(strip.first, strip.end)
        if len({segment.box.left >= strip.at for segment in bands[at]}) == 2
    ]
    # Columns may be so much out of step that no band has both.
    return (both[0], both[-1] + 1) if both else (strip.first, strip.end)


def _in_step(found: Sequence[Segment], between: Sequence[Gutter], height: float) -> bool:
    """Lines at both sides stand at the same heights, as the parts of one line do."""
    rows = rows_of(found, height)
    several = [row for row in rows if len({column_of(each, between) for each in row}) > 1]
    return 2 * len(several) > len(rows)


def _columns(found: Sequence[Segment], between: Sequence[Gutter]) -> list[list[Segment]]:
    columns: list[list[Segment]] = [[] for _ in range(len(between) + 1)]
    for segment in found:
        columns[column_of(segment, between)].append(segment)
    return [column for column in columns if column]


def _trimmed(bands: Sequence[Sequence[Segment]], strip: _Strip, height: float) -> tuple[int, int]:
    """The bands of columns without what stands apart above and below, at one side alone."""
    first, end = strip.first, strip.end
    boxes = [union(segment.box for segment in band) for band in bands]
    gaps = [after.top - before.bottom for before, after in itertools.pairwise(boxes)]
    inside = gaps[first : end - 1]
    usual = statistics.median(inside) if inside else 0.0
    wide = max(usual * APART, usual + 0.5 * height)
    while end - first > 2 and len(bands[end - 1]) == 1 and gaps[end - 2] > wide:
        end -= 1
    while end - first > 2 and len(bands[first]) == 1 and gaps[first] > wide:
        first += 1
    return first, end


def _paragraphs(found: Sequence[Segment], height: float) -> list[OcrBlock]:
    """Rows from the top, parted where they are further from each other, or of another size."""
    rows = rows_of(found, height)
    boxes = [union(segment.box for segment in row) for row in rows]
    lines = [joined([segment.line for segment in row]) for row in rows]
    pitches = [after.top - before.top for before, after in itertools.pairwise(boxes)]
    usual = statistics.median(pitches) if pitches else 0.0
    blocks: list[list[OcrLine]] = []
    last: Box | None = None
    for line, box in zip(lines, boxes, strict=True):
        if last is None or _parted(last, box, usual):
            blocks.append([])
        blocks[-1].append(line)
        last = box
    return [OcrBlock(lines=block) for block in blocks]


def _parted(before: Box, after: Box, usual: float) -> bool:
    heights = sorted((before.height, after.height))
    return after.top - before.top > APART * usual or heights[1] > TALLER * heights[0]
