"""Lines as what of them stands together: a line is cut where there is a wide gap between words.

What a detector takes for one line may reach over two columns or several cells of a table.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from ingle.capabilities.ocr.operation import OcrLine, OcrWord
from ingle.pages.geometry import Box, around, upright

WIDE = 1.1
"""Of a line's height: a gap that is no space between words."""


class Segment(NamedTuple):
    """A line or a part of one, and its box on the page turned upright."""

    line: OcrLine
    box: Box


def segments(lines: Sequence[OcrLine], angle: float) -> list[Segment]:
    """The parts of lines, in no order."""
    return [
        Segment(part, upright(part.polygon, angle)) for line in lines for part in _cut(line, angle)
    ]


def joined(parts: Sequence[OcrLine], separator: str = " ") -> OcrLine:
    """Parts that stand one behind the other as one line."""
    if len(parts) == 1:
        return parts[0]
    letters = sum(max(1, len(part.text)) for part in parts)
    return OcrLine(
        text=separator.join(part.text for part in parts),
        polygon=around([part.polygon for part in parts]),
        confidence=round(
            sum(part.confidence * max(1, len(part.text)) for part in parts) / letters, 4
        ),
        embedded=all(part.embedded for part in parts),
        words=[word for part in parts for word in part.words],
    )


def line_height(found: Sequence[Segment]) -> float:
    """The usual height of a line; 1 where there are none."""
    return max(1.0, statistics.median([segment.box.height for segment in found] or [1.0]))


def _cut(line: OcrLine, angle: float) -> list[OcrLine]:
    if len(line.words) < 2:
        return [line]
    boxes = [upright(word.polygon, angle) for word in line.words]
    height = upright(line.polygon, angle).height
    if abs(boxes[0].top - boxes[-1].top) > 2 * height:
        return [line]  # it goes another way than the page
    parts: list[list[OcrWord]] = [[line.words[0]]]
    for before, box, word in zip(boxes, boxes[1:], line.words[1:], strict=False):
        if box.left - before.right > WIDE * height:
            parts.append([])
        parts[-1].append(word)
    if len(parts) == 1:
        return [line]
    return [_of_words(words, line) for words in parts]


def _of_words(words: Sequence[OcrWord], line: OcrLine) -> OcrLine:
    return OcrLine(
        text=" ".join(word.text for word in words),
        polygon=around([word.polygon for word in words]),
        confidence=round(sum(word.confidence for word in words) / len(words), 4),
        embedded=line.embedded,
        words=list(words),
    )
