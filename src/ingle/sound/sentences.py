"""Text into passages that can be spoken one by one, while it is still being written.

A passage ends where a voice would pause: after a sentence, a heading, an item of a list, a
paragraph. All passages in a row are the text, unchanged. Code between fences (CommonMark 4.5) is
told apart, since no one reads it aloud.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

LONGEST = 400
"""Characters of a passage: what a voice says in half a minute. Longer sentences are cut, at the
end of a clause if there is one."""
_STEP = 1024
"""Characters that are looked at together, so that a long text takes time in its length alone."""
_LINE_HEAD = 16
"""Characters of a line by which it is known what it is."""
_BLANKS = 64
"""White space that is looked over for what follows a sentence."""

_END = re.compile(r"[.!?…]+[\"'”’»)\]*_]*|[。！？｡]+[」』”’）]*|\n")
_CLAUSE = re.compile(r"[,;:，；：、—–][\"'”’»)\]]*\s|\)\s|[，；：、]")
_SPACE = re.compile(r"\s")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_STRUCTURE = re.compile(
    r"[ \t]{0,8}(?:#{1,6}\s|[-*+•]\s|\d{1,4}[.)]\s|\||>|`{3}|~{3}|-{3}|\*{3}|_{3}|={3})"
)
_STRUCTURE_BEGINS = "#-*+•0123456789|>`~_="
_NUMBERED = re.compile(r"(?:^|\n)\s*\d{1,4}\.\Z")
_INITIAL = re.compile(r"(?:^|[\s(\"“])[A-Z]\.\Z")
_ABBREVIATIONS = frozenset(
    re.findall(
        r"\S+",
        """mr mrs ms dr prof st sr jr vs etc e.g i.e cf al approx dept est fig figs no nos vol pp p
        ed eds inc ltd co corp gen col sgt capt lt rev hon gov sen rep pres mt ft ave blvd rd u.s
        u.k a.m p.m jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun
        z.b d.h bzw usw ca ggf evtl str nr abb bspw u.a s.o vgl hr fr mme mlle sra srta ud uds""",
    )
)
_LAST_WORD = re.compile(r"([^\W\d_][\w.]*)\.\Z")


class Passage(NamedTuple):
    """A part of a text."""

    text: str
    code: bool = False
    """It is a line of a block of code, or one of the fences around it."""


class SentenceSplitter:
    """Takes text as it comes and gives the passages that are whole.

    Args:
        first: characters of the first passage at most, if a clause ends there: its sound is to
            begin soon.
    """

    def __init__(self, first: int = LONGEST) -> None:
        self._text = ""
        self._longest = first
        self._line_begins = True
        self._structure = False
        """The line that the text begins in is a heading, an item or a row."""
        self._fence = ""
        """What opened the block of code that the text begins in."""

    def split(self, texts: Iterable[str]) -> Iterator[Passage]:
        """The passages of a text that comes in pieces."""
        for text in texts:
            for at in range(0, len(text), _STEP):
                yield from self.feed(text[at : at + _STEP])
        yield from self.finish()

    def feed(self, text: str) -> Iterator[Passage]:
        """The next characters; the passages that they complete."""
        self._text += text
        while (found := self._next(final=False)) is not None:
            yield found

    def finish(self) -> Iterator[Passage]:
        """The text is over; what is left of it."""
        while self._text and (found := self._next(final=True)) is not None:
            yield found

    def _next(self, *, final: bool) -> Passage | None:
        if not self._text:
            return None
        if self._fence:
            return self._code_line(final)
        if self._line_begins:
            if not final and not _is_headed(self._text):
                return None
            if opened := _FENCE.match(self._text):
                return self._opening(opened[1], final)
            self._structure = _STRUCTURE.match(self._text) is not None
        end = self._end(final)
        return None if end is None else self._taken(end)

    def _taken(self, end: int, *, code: bool = False) -> Passage:
        found, self._text = self._text[:end], self._text[end:]
        if found.strip():
            self._longest = LONGEST
        before = found.rstrip(" \t")
        self._line_begins = before.endswith("\n") or (self._line_begins and not before)
        return Passage(found, code)

    def _opening(self, fence: str, final: bool) -> Passage | None:
        end = self._line_end(final)
        if end is not None:
            self._fence = fence
            return self._taken(end, code=True)
        return None

    def _code_line(self, final: bool) -> Passage | None:
        end = self._line_end(final)
        if end is None:
            return None
        line = self._text[:end].strip()
        if len(line) >= len(self._fence) and set(line) == {self._fence[0]}:
            self._fence = ""
        return self._taken(end, code=True)

    def _line_end(self, final: bool) -> int | None:
        end = self._text.find("\n", 0, LONGEST) + 1
        if end:
            return end
        if len(self._text) >= LONGEST:
            return LONGEST
        return len(self._text) if final else None

    def _end(self, final: bool) -> int | None:
        text = self._text
        for found in _END.finditer(text, 0, self._longest):
            end = found.end()
            if end == len(text):
                break
            if found[0] == "\n":
                if not final and not _is_headed(text[end : end + _LINE_HEAD]):
                    return None
                if self._ends_line(text, end):
                    return end
                continue
            following = _following(text, end)
            if following is None and not final:
                return None
            if _ends_sentence(text, found.start(), end, following or ""):
                return _over_blank(text, end)
        if len(text) <= self._longest:
            return len(text) if final else None
        clauses = [found.end() for found in _CLAUSE.finditer(text[: self._longest])]
        if clauses and clauses[-1] > self._longest // 4:
            return clauses[-1]
        if self._longest < LONGEST:  # there is no good place to begin early
            self._longest = LONGEST
            return self._end(final)
        return self._cut()

    def _ends_line(self, text: str, end: int) -> bool:
        """Is the newline before this place more than a wrapped line's?"""
        begin = text.rfind("\n", 0, end - 1) + 1
        structure = self._structure if begin == 0 else _STRUCTURE.match(text, begin) is not None
        following = text[end : end + _LINE_HEAD].partition("\n")[0]
        if not following.strip() or _STRUCTURE.match(following + "\n"):
            return True
        return structure and not following.startswith("  ")

    def _cut(self) -> int:
        """Where a sentence is cut that is too long and has no clauses."""
        spaces = [found.end() for found in _SPACE.finditer(self._text[:LONGEST])]
        return spaces[-1] if spaces and spaces[-1] > LONGEST // 4 else LONGEST


def _is_headed(line: str) -> bool:
    """There is enough of a line to know what it is."""
    begun = line.lstrip()[:1]
    return len(line) >= _LINE_HEAD or "\n" in line or begun not in _STRUCTURE_BEGINS


def _over_blank(text: str, end: int) -> int:
    """The end with the white space behind it, up to the end of the line."""
    last = min(len(text), end + _BLANKS)
    while end < last and text[end].isspace() and text[end - 1] != "\n":
        end += 1
    return end


def _following(text: str, at: int) -> str | None:
    """The first character behind white space; None if it is not there yet."""
    rest = text[at : at + _BLANKS]
    found = rest.lstrip()[:1]
    return found if found or len(rest) == _BLANKS else None


def _ends_sentence(text: str, begin: int, end: int, following: str) -> bool:
    if text[begin] in "。！？｡":
        return True
    if not text[end].isspace():
        return False
    if text[begin] in "!?":
        return True
    if text[begin:end] == ".":
        before = text[: begin + 1]
        if _NUMBERED.search(before) or _INITIAL.search(before):
            return False
        word = _LAST_WORD.search(before[-24:])
        if word is not None and word[1].lower() in _ABBREVIATIONS:
            return False
    return not following.islower()
