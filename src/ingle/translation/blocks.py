"""What a text is made of: stretches that stay as they are, and prose with marks and kept things.

In a row the ``raw`` of all parts is the text. The model reads ``text``, which is another spelling
of it where the format has one (``&amp;`` in HTML).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from ingle.translation.protected import PROTECTED, TermPattern

PartKind = Literal["words", "kept", "open", "close", "alone"]


class Part(NamedTuple):
    """A stretch of prose."""

    kind: PartKind
    """``words`` are translated; what is ``kept`` stands in the sentence as a word does, and has to
    be in the translation, too; ``open`` and ``close`` are markup around words; ``alone`` is
    markup that stands between them."""
    raw: str
    """As it stands in the source; of a glossary's term what is written for it."""
    text: str
    """What the model reads; empty for markup."""
    length: int = -1
    """Characters of the source, where they are others than those of ``raw``."""

    @property
    def size(self) -> int:
        """Characters of the source that it stands for."""
        return len(self.raw) if self.length < 0 else self.length


class Verbatim(NamedTuple):
    """A stretch that stays as it is."""

    raw: str


class Prose(NamedTuple):
    """Sentences of one paragraph, heading, item or cell."""

    parts: tuple[Part, ...]


Block = Verbatim | Prose

_WRAPPED = 50
"""Characters of a line after which the next one may continue its sentence."""
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_CONTINUES = re.compile(r"[^\W\d_]")
_ENDED = re.compile(r"[.!?:;…。！？][\"'”’»)\]]*\s*\Z")


def plain_blocks(text: str, terms: TermPattern) -> Iterator[Block]:
    """The paragraphs of a plain text. Lines are sentences' ends, but for those that were wrapped:
    a long one without a stop, before one that begins in small letters."""
    held: list[str] = []
    for found in _LINE.finditer(text):
        line = found[0]
        if held and not _continues(held[-1], line):
            yield Prose(tuple(parts_of("".join(held), terms)))
            held.clear()
        if not line.strip():
            yield Verbatim(line)
        else:
            held.append(line)
    if held:
        yield Prose(tuple(parts_of("".join(held), terms)))


def _continues(last: str, line: str) -> bool:
    first = line.lstrip(" \t")[:1]
    return (
        len(last) > _WRAPPED
        and _ENDED.search(last[-40:]) is None
        and _CONTINUES.match(first) is not None
        and first.islower()
    )


def parts_of(text: str, terms: TermPattern, pattern: re.Pattern[str] = PROTECTED) -> Iterator[Part]:
    """Words, and what is kept between them: placeholders, numbers, URLs, terms of a glossary."""
    at = 0
    for start, end, written in terms.found(text, pattern):
        if start > at:
            yield Part("words", text[at:start], text[at:start])
        yield Part("kept", written, written, end - start)
        at = end
    if at < len(text):
        yield Part("words", text[at:], text[at:])


def raw_of(parts: Sequence[Part]) -> str:
    """Parts as they stand in the source."""
    return "".join(part.raw for part in parts)
