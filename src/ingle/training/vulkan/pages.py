"""Pages: what has a row for each token lies in as many buffers as the device's limit asks for.

Most devices hold all of a batch in one. Where a buffer may have 128 MiB, the widest
array of a block (gate and up side by side) is over it from some thousand tokens on.
A page holds whole texts, or where not even one fits, a stretch of one text; all arrays of a
batch are cut at the same tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ingle.training.vulkan.buffer_pool import Array


class Page(NamedTuple):
    """Which tokens of a batch lie together."""

    text: int
    """The first of them."""
    texts: int
    start: int
    """Position within each text."""
    positions: int
    """Of each text."""
    first: int
    """Tokens of the batch before it."""

    @property
    def rows(self) -> int:
        """Tokens."""
        return self.texts * self.positions


class Layout(NamedTuple):
    """How the tokens of a batch are cut into pages."""

    texts: int
    positions: int
    pages: tuple[Page, ...]

    def seen(self, number: int) -> list[int]:
        """The pages whose tokens those of page ``number`` may see, in order."""
        text = self.pages[number].text
        return [at for at in range(number + 1) if self.pages[at].text == text]


def cut(texts: int, positions: int, *, widest: int, limit: int) -> Layout:
    """The fewest pages with no array over the limit.

    Args:
        positions: of each text, a multiple of four.
        widest: numbers of the longest row that any array has.
        limit: bytes of a buffer.
    """
    room = limit // (widest * 4)
    pages = []
    if room >= positions:
        together = min(texts, room // positions)
        for text in range(0, texts, together):
            count = min(together, texts - text)
            pages.append(Page(text, count, 0, positions, text * positions))
        return Layout(texts, positions, tuple(pages))
    # Kernels move four rows at once, and products like multiples of their tiles.
    room = room // 64 * 64 if room >= 64 else max(4, room // 4 * 4)
    for text in range(texts):
        for start in range(0, positions, room):
            count = min(room, positions - start)
            pages.append(Page(text, 1, start, count, text * positions + start))
    return Layout(texts, positions, tuple(pages))


class Paged:
    """Rows of numbers, one for each token, page by page."""

    def __init__(self, layout: Layout, arrays: tuple[Array, ...]) -> None:
        self.layout = layout
        self.arrays = arrays

    def __iter__(self) -> Iterator[Array]:
        return iter(self.arrays)

    @property
    def columns(self) -> int:
        """Numbers of a row."""
        return self.arrays[0].columns

    def part(self, start: int, columns: int) -> Paged:
        """Some columns, in the same storages."""
        return Paged(self.layout, tuple(x.part(start, columns) for x in self.arrays))


def single(array: Array) -> Paged:
    """An array that has nothing to do with tokens, such as a loss."""
    layout = Layout(1, array.rows, (Page(0, 1, 0, array.rows, 0),))
    return Paged(layout, (array,))
