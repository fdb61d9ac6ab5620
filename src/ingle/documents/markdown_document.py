"""Blocks of Markdown (CommonMark's block structure, as far as searching needs it)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ingle.capabilities.extract.operation import Block, BlockKind

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+\S")
_ROW = re.compile(r"[ \t]*\|.*\|[ \t]*$")


def blocks(lines: Iterable[str]) -> Iterator[Block]:
    """The blocks of a text, in order.

    Args:
        lines: without their ends.
    """
    reader = _Reader()
    for line in lines:
        yield from reader.line(line)
    yield from reader.ended()


class _Reader:
    """Gathers lines until their block is whole."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._kind: BlockKind = "paragraph"
        self._fence = ""

    def line(self, line: str) -> Iterator[Block]:
        if self._fence:
            yield from self._code_line(line)
        elif fence := _FENCE.match(line):
            yield from self.ended()
            self._fence, self._kind, self._lines = fence[1], "code", [line]
        elif heading := _ATX.match(line):
            yield from self.ended()
            if heading[2]:
                yield Block(kind="heading", text=heading[2], level=len(heading[1]))
        elif self._kind == "paragraph" and self._lines and (under := _SETEXT.match(line)):
            text, self._lines = " ".join(part.strip() for part in self._lines), []
            yield Block(kind="heading", text=text, level=1 if under[1][0] == "=" else 2)
        elif not line.strip():
            # Items with blank lines between them are one list; that is seen by what follows.
            if self._kind == "list" and self._lines:
                self._lines.append("")
            else:
                yield from self.ended()
        else:
            yield from self._text_line(line)

    def _text_line(self, line: str) -> Iterator[Block]:
        kind: BlockKind = "paragraph"
        if _ITEM.match(line):
            kind = "list"
        elif _ROW.match(line):
            kind = "table"
        elif self._kind == "list" and self._lines and (line[0] in " \t" or self._lines[-1]):
            kind = "list"  # it goes on with its item
        if kind != self._kind:
            yield from self.ended()
        self._kind = kind
        self._lines.append(line)

    def _code_line(self, line: str) -> Iterator[Block]:
        self._lines.append(line)
        closed = line.strip()
        if len(closed) >= len(self._fence) and set(closed) == {self._fence[0]}:
            self._fence = ""
            yield from self.ended()

    def ended(self) -> Iterator[Block]:
        """What was gathered, if anything was."""
        text = "\n".join(self._lines).strip("\n")
        kind, self._lines, self._kind, self._fence = self._kind, [], "paragraph", ""
        if text.strip():
            yield Block(kind=kind, text=text)
