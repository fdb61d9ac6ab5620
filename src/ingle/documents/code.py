"""Blocks of source code: its functions and classes, found by their indentation.

A definition begins in the first column; so does what belongs to it but its body (decorators,
comments above). That holds for nearly all languages as people lay them out, and needs no grammar
of each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ingle.capabilities.extract.operation import Block

MOST_LINES = 80
"""Of a block; what is longer is cut where lines are blank, or anywhere."""
_CLOSING = re.compile(r"[\])}]|end\b|else\b|elif\b|except\b|finally\b|#endif|\*/|-->")
_LEAD = re.compile(r"[@#]|//|/\*|--|\"\"\"|'''|;;|%")


def blocks(lines: Iterable[str]) -> Iterator[Block]:
    """Pieces of code that begin where a definition does.

    Args:
        lines: without their ends.
    """
    held: list[str] = []
    lead = 0
    """Lines at the end of `held` that belong to what follows: comments, decorators."""
    for line in lines:
        begins = bool(line) and not line[0].isspace() and _CLOSING.match(line) is None
        if begins and _LEAD.match(line):
            lead += 1
        elif begins:
            body = held[: len(held) - lead]
            if any(row[:1].isspace() and row.strip() for row in body) or len(body) >= MOST_LINES:
                yield from _cut(body)
                held = held[len(held) - lead :]
            lead = 0
        elif line.strip():
            lead = 0
        held.append(line)
    yield from _cut(held)


def _cut(lines: list[str]) -> Iterator[Block]:
    while lines:
        end = len(lines)
        if end > MOST_LINES:
            blank = [at for at in range(MOST_LINES // 2, MOST_LINES) if not lines[at].strip()]
            end = blank[-1] + 1 if blank else MOST_LINES
        text = "\n".join(lines[:end]).strip("\n")
        lines = lines[end:]
        if text.strip():
            yield Block(kind="code", text=text)
