"""The sentences of a paragraph, each with the white space and the markup around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ingle.translation.blocks import Part, Prose, raw_of
from ingle.translation.sentence_splitting import sentence_ends


class Sentence(NamedTuple):
    """What is translated at once."""

    before: str
    """What stands before it and stays: white space, markup."""
    parts: tuple[Part, ...]
    """Empty where there are no words."""
    after: str
    size: int
    """Characters of the source, with what is around it."""

    @property
    def reading(self) -> str:
        """What a model reads, on one line."""
        return " ".join("".join(part.text for part in self.parts).split())


def sentences(prose: Prose) -> Iterator[Sentence]:
    """The sentences of a paragraph. In a row they are the paragraph."""
    reading = "".join(part.text for part in prose.parts)
    rest = _Parts(prose.parts)
    at = 0
    for end in sentence_ends(reading):
        taken = rest.all() if end == len(reading) else rest.take(end - at)
        at = end
        if taken:
            yield _trimmed(taken)


class _Parts:
    """The parts of a paragraph from a place on."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._place = self._within = 0

    def take(self, size: int) -> list[Part]:
        """Up to so many characters of what is read, and what closes there. Kept ones stay whole.

        Words whose text is another spelling than their raw are of one character, so none is cut.
        """
        taken: list[Part] = []
        while self._place < len(self._parts):
            part = self._current()
            if size <= 0 and part.kind != "close":
                break
            if part.kind == "words" and len(part.text) > size:
                taken.append(Part("words", part.text[:size], part.text[:size]))
                self._within += size
                break
            taken.append(part)
            size -= len(part.text)
            self._place, self._within = self._place + 1, 0
        return taken

    def all(self) -> list[Part]:
        """What is left."""
        if self._place == len(self._parts):
            return []
        return [self._current(), *self._parts[self._place + 1 :]]

    def _current(self) -> Part:
        part = self._parts[self._place]
        if self._within:
            rest = part.text[self._within :]
            return Part("words", rest, rest)
        return part


def _trimmed(parts: list[Part]) -> Sentence:
    before = after = ""
    size = sum(part.size for part in parts)
    parts = _unpaired_alone(parts)
    while parts:
        first, last = parts[0], parts[-1]
        if first.kind == "alone":
            before += parts.pop(0).raw
        elif last.kind == "alone":
            after = parts.pop().raw + after
        elif first.kind == "open" and _pair(parts, 0) == len(parts) - 1:
            before += parts.pop(0).raw
            after = parts.pop().raw + after
        elif first.kind == "words" and first.raw != first.text and first.text.isspace():
            before += parts.pop(0).raw
        elif last.kind == "words" and last.raw != last.text and last.text.isspace():
            after = parts.pop().raw + after
        elif first.kind == "words" and first.text[:1].isspace():
            rest = first.text.lstrip()
            before += first.text[: len(first.text) - len(rest)]
            parts[0:1] = [Part("words", rest, rest)] if rest else []
        elif last.kind == "words" and last.text[-1:].isspace():
            rest = last.text.rstrip()
            after = last.text[len(rest) :] + after
            parts[-1:] = [Part("words", rest, rest)] if rest else []
        else:
            break
    if not any(part.kind == "words" and any(c.isalpha() for c in part.text) for part in parts):
        return Sentence(before + raw_of(parts) + after, (), "", size)
    return Sentence(before, tuple(parts), after, size)


def _unpaired_alone(parts: Sequence[Part]) -> list[Part]:
    """An opening mark whose closing one is in another sentence stands alone, and the reverse."""
    opened: list[int] = []
    paired: set[int] = set()
    for place, part in enumerate(parts):
        if part.kind == "open":
            opened.append(place)
        elif part.kind == "close" and opened:
            paired |= {opened.pop(), place}
    return [
        part._replace(kind="alone")
        if part.kind in ("open", "close") and place not in paired
        else part
        for place, part in enumerate(parts)
    ]


def _pair(parts: Sequence[Part], place: int) -> int:
    """Where the mark closes that is opened at a place."""
    depth = 0
    for at in range(place, len(parts)):
        depth += {"open": 1, "close": -1}.get(parts[at].kind, 0)
        if depth == 0:
            return at
    return -1
