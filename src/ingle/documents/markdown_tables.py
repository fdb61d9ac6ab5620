"""Tables as Markdown, the first row as the heading."""

from __future__ import annotations

from collections.abc import Sequence


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table; rows that are shorter than the longest are filled with empty cells."""
    width = max(map(len, rows))
    lines = [_row([*row, *[""] * (width - len(row))]) for row in rows]
    return "\n".join([lines[0], _row(["---"] * width), *lines[1:]])


def _row(cells: Sequence[str]) -> str:
    plain = (" ".join(cell.split()).replace("|", "\\|") for cell in cells)
    return "| " + " | ".join(plain) + " |"
