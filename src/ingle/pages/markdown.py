"""A page as Markdown: headings by their size, tables as GitHub's Markdown has them."""

from __future__ import annotations

import statistics

from ingle.capabilities.ocr.operation import OcrBlock, OcrPage
from ingle.pages.geometry import length_of
from ingle.pages.plain_text import table_rows

HEADINGS = ((1.7, "# "), (1.3, "## "))
"""Heights by that of the usual line, and what is put before such a line."""
HEADING_LINES, HEADING_LETTERS = 2, 120
"""What is longer is no heading."""


def markdown(page: OcrPage) -> str:
    """Its text, with a line's end behind it; empty where the page has none."""
    usual = statistics.median([height(line.polygon) for line in page.lines] or [1.0])
    blocks = [_block(block, usual, alone=len(page.blocks) == 1) for block in page.blocks]
    return "\n\n".join(blocks) + "\n" if blocks else ""


def height(polygon: tuple[int, ...]) -> float:
    """Of a line, across its text."""
    x0, y0, x1, y1, x2, y2, x3, y3 = polygon
    return length_of((x1, y1, x2, y2, x3, y3, x0, y0))


def _block(block: OcrBlock, usual: float, *, alone: bool) -> str:
    if block.cells:
        return _table(table_rows(block))
    mark = "" if alone else _mark(block, usual)
    if mark:
        return mark + " ".join(line.text for line in block.lines)
    return "\n".join(line.text for line in block.lines)


def _mark(block: OcrBlock, usual: float) -> str:
    letters = sum(len(line.text) for line in block.lines)
    if len(block.lines) > HEADING_LINES or letters > HEADING_LETTERS:
        return ""
    size = statistics.median(height(line.polygon) for line in block.lines)
    return next((mark for factor, mark in HEADINGS if size >= factor * usual), "")


def _table(rows: list[list[str]]) -> str:
    first, *others = ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    rule = "|" + " --- |" * len(rows[0])
    return "\n".join([first, rule, *others])


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
