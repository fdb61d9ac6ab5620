"""From lines to a page: its angle, its order, and what one page may hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ingle.capabilities.ocr.operation import OcrLine, OcrPage
from ingle.engines.reading.page_content import PageContent
from ingle.pages.geometry import page_angle
from ingle.pages.reading_order import ordered_blocks

MOST_WORDS = 8_000
"""Of a page: what fits into one event."""
MOST_LETTERS = 200_000


def page_of(number: int, content: PageContent, lines: Sequence[OcrLine]) -> tuple[OcrPage, int]:
    """A page as it is told, and how many of its words are left out since it has too many."""
    kept, left_out = _bounded(lines)
    angle = page_angle([line.polygon for line in kept])
    page = OcrPage(
        number=number,
        width=content.width,
        height=content.height,
        dpi=content.dpi,
        angle=angle,
        source=_source(content, lines),
        blocks=ordered_blocks(kept, angle),
    )
    return page, left_out


def _source(content: PageContent, lines: Sequence[OcrLine]) -> Literal["image", "text", "both"]:
    if not content.lines:
        return "image"
    return "both" if len(lines) > len(content.lines) else "text"


def _bounded(lines: Sequence[OcrLine]) -> tuple[list[OcrLine], int]:
    kept: list[OcrLine] = []
    words = letters = left_out = 0
    for line in lines:
        count = max(1, len(line.words))
        words += count
        letters += len(line.text)
        if words > MOST_WORDS or letters > MOST_LETTERS:
            left_out += count
        else:
            kept.append(line)
    return kept, left_out
