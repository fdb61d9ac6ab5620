"""Lines that are longer than a model reads, cut at the best places."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

Count = Callable[[str], int]
"""Tokens of a text."""
LONGEST_TOKEN = 16
"""Characters of a token at most, for how far a cut is looked for. Longer ones are cut earlier."""
_CLAUSE = re.compile(r"[,;:–—،、，；：)\]](?=\s|(?<=[、，；：]))")
_SPACE = re.compile(r"\s+")
SMALLEST = 4
"""A clause or word that begins before this fraction of what would fit is no place to cut at."""


class FittedLine(NamedTuple):
    """A stretch of a line that a model can read at once."""

    text: str
    space: bool
    """White space stands behind it in the line."""


def fitted(line: str, count: Count, most: int) -> list[FittedLine]:
    """A line as stretches of ``most`` tokens at most: clauses, else words, else letters."""
    found = []
    rest = line.strip()
    while rest:
        if len(rest) <= most * LONGEST_TOKEN and count(rest) <= most:
            found.append(FittedLine(rest, False))
            break
        end = _cut(rest, _fitting(rest, count, most))
        following = rest[end:]
        found.append(FittedLine(rest[:end].rstrip(), following[:1].isspace()))
        rest = following.lstrip()
    return found


def _fitting(text: str, count: Count, most: int) -> int:
    """How many characters of a text's beginning are no more than so many tokens."""
    low, high = 1, min(len(text), most * LONGEST_TOKEN)
    while low < high:
        middle = (low + high + 1) // 2
        if count(text[:middle]) <= most:
            low = middle
        else:
            high = middle - 1
    return low


def _cut(text: str, end: int) -> int:
    for pattern in (_CLAUSE, _SPACE):
        places = [found.end() if pattern is _CLAUSE else found.start()
                  for found in pattern.finditer(text, 0, end + 1)]  # fmt: skip
        places = [place for place in places if end // SMALLEST < place <= end]
        if places:
            return places[-1]
    return end
