"""A page as plain text: lines as they stand, a blank line between blocks, tabs between cells."""

from __future__ import annotations

from ingle.capabilities.ocr.operation import OcrBlock, OcrPage


def plain_text(page: OcrPage) -> str:
    """Its text, with a line's end behind it; empty where the page has none."""
    blocks = [_block(block) for block in page.blocks]
    return "\n\n".join(blocks) + "\n" if blocks else ""


def table_rows(block: OcrBlock) -> list[list[str]]:
    """The texts of a table's cells, empty ones included."""
    rows = 1 + max(cell.row for cell in block.cells)
    columns = 1 + max(cell.column for cell in block.cells)
    table = [[""] * columns for _ in range(rows)]
    for cell in block.cells:
        table[cell.row][cell.column] = " ".join(line.text for line in cell.lines)
    return table


def _block(block: OcrBlock) -> str:
    if block.cells:
        return "\n".join("\t".join(row).rstrip("\t") for row in table_rows(block))
    return "\n".join(line.text for line in block.lines)
