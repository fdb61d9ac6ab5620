"""From lines to a page: its angle, its order, and what one page may hold."""

from __future__ import annotations

from collections.abc import Sequence

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
    drawn = content.picture is not None and len(lines) > len(content.lines)
    source = "both" if drawn and content.lines else "text" if content.lines else "image"
    page = OcrPage(
        number=number,
        width=content.width,
        height=content.height,
        dpi=content.dpi,
        angle=angle,
        source=source,  # type: ignore[arg-type]
        blocks=ordered_blocks(kept, angle),
    )
    return page, left_out


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
