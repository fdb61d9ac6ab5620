"""Documents cut into passages of a bounded number of tokens, along their structure.

The rules:

1. A passage is of one section: another one begins at a heading, whose path goes with it, and on
   another page, unless a sentence runs over from the page before.
2. It ends between two sentences, items of a list, rows of a table or lines of code. One of those
   that is too long by itself is cut between words, and a word that is too long anywhere.
3. A table stays whole if it fits; else each part has the table's heading row.
4. Passages of one section overlap by whole sentences, up to a number of tokens.
5. Tokens are those of the embedding model, counted, not guessed: a passage with the path of its
   headings is never longer than the limit.

What is counted is asked for by the piece (`pieces`), so that a caller can count many at once.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from ingle.capabilities.extract.operation import BETWEEN, Block
from ingle.collections.collection import BREADCRUMBS
from ingle.collections.records import TextPassage
from ingle.translation.sentence_splitting import sentence_ends

PATH_SHARE = 4
"""The path of headings takes at most a quarter of a passage; outer headings are left out first."""
_LINE = re.compile(r"\n")
_WORD_END = re.compile(r"\s+")
Count = Callable[[Sequence[str]], Sequence[int]]
"""Tokens of each text, as the embedding model sees them."""


class ChunkLimits(NamedTuple):
    """How large passages are, in tokens."""

    most: int = 256
    overlap: int = 32


class PassagePiece(NamedTuple):
    """What is not cut, if it fits: a sentence, an item, a row, a line."""

    text: str
    start: int
    """Of its first character in the text of the document."""
    joint: str
    """What stands before it, if it is not the first of its passage."""
    block: int
    page: int
    repeated: str = ""
    """What each passage that begins with it has above it: a table's heading rows."""


class Section(NamedTuple):
    """What is under one heading."""

    headings: tuple[str, ...]
    pieces: list[PassagePiece]


def sections(blocks: Iterable[Block]) -> Iterator[Section]:
    """A document's sections in order, in pieces."""
    path: list[tuple[int, str]] = []
    held: list[PassagePiece] = []
    at = 0
    for number, block in enumerate(blocks):
        start, at = at, at + len(block.text) + len(BETWEEN)
        if held and (block.kind == "heading" or _turns_page(held[-1], block)):
            yield Section(tuple(text for _, text in path), held)
            held = []
        if block.kind == "heading":
            level = max(1, block.level)
            path = [entry for entry in path if entry[0] < level]
            path.append((level, " ".join(block.text.split())))
        else:
            held += pieces(block, start, number)
    if held:
        yield Section(tuple(text for _, text in path), held)


def _turns_page(last: PassagePiece, block: Block) -> bool:
    """A page begins, and no sentence runs over from the one before."""
    return last.page != block.page and last.text.rstrip().endswith(tuple(".!?…:。！？|"))


def pieces(block: Block, start: int, number: int) -> list[PassagePiece]:
    """A block in pieces.

    Args:
        start: of the block in the text of the document.
        number: of the block.
    """
    if block.kind == "paragraph":
        spans, joint = sentence_spans(block.text), " "
    else:
        spans, joint = _lines(block.text), "\n"
    repeated = ""
    if block.kind == "table" and len(spans) > 2:
        repeated = block.text[: spans[1][1]]
        spans = [(0, spans[2][1]), *spans[3:]]
    return [
        PassagePiece(
            block.text[begin:end], start + begin, joint if place else BETWEEN, number, block.page,
            repeated if place else "",
        )
        for place, (begin, end) in enumerate(spans)
    ]  # fmt: skip


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Where the sentences of a text begin and end, without the white space between them."""
    begins = [0, *sentence_ends(text)]
    return _trimmed(text, itertools.pairwise(begins))


def _lines(text: str) -> list[tuple[int, int]]:
    ends = [*(found.start() for found in _LINE.finditer(text)), len(text)]
    return _trimmed(text, zip([0, *(end + 1 for end in ends)], ends, strict=False), blank=False)


def _trimmed(
    text: str, spans: Iterable[tuple[int, int]], *, blank: bool = True
) -> list[tuple[int, int]]:
    """Those with something in them; with ``blank``, without the white space around it."""
    found = list[tuple[int, int]]()
    for begin, end in spans:
        part = text[begin:end]
        if not part.strip():
            continue
        if blank:
            end -= len(part) - len(part.rstrip())
            begin += len(part) - len(part.lstrip())
        found.append((begin, end))
    return found


def passages(blocks: Iterable[Block], count: Count, limits: ChunkLimits) -> Iterator[TextPassage]:
    """A document's passages.

    Args:
        count: called for all pieces of the document at once, and again for what has to be cut.
    """
    every = list(sections(blocks))
    count = _known(every, count)
    for section in every:
        headings, path_tokens = _path(section.headings, count, limits)
        room = limits.most - path_tokens
        fitting = _fitting(section.pieces, count, room)
        for chunk in _packed(fitting, room, min(limits.overlap, room // 2)):
            text = chunk[0].piece.repeated + ("\n" if chunk[0].piece.repeated else "")
            text += chunk[0].piece.text + "".join(c.piece.joint + c.piece.text for c in chunk[1:])
            last = chunk[-1].piece
            yield TextPassage(
                text=text,
                headings=headings,
                page=chunk[0].piece.page,
                start=chunk[0].piece.start,
                end=last.start + len(last.text),
                tokens=path_tokens + sum(each.tokens for each in chunk) + chunk[0].repeated,
            )


def embedded_text(passage: TextPassage) -> str:
    """What is embedded of a passage: with the path that says what it is about."""
    if not passage.headings:
        return passage.text
    return f"{BREADCRUMBS.join(passage.headings)}\n{passage.text}"


def _known(every: Sequence[Section], count: Count) -> Count:
    """Counts what is known to be needed together, so that few requests are made."""
    texts = {_line(section.headings) for section in every if section.headings}
    for section in every:
        for piece in section.pieces:
            texts |= {piece.joint + piece.text, *([piece.repeated + "\n"] * bool(piece.repeated))}
    asked = list(texts)
    known = dict(zip(asked, count(asked), strict=True)) if asked else {}

    def counted(wanted: Sequence[str]) -> Sequence[int]:
        missing = [text for text in wanted if text not in known]
        if missing:
            known.update(zip(missing, count(missing), strict=True))
        return [known[text] for text in wanted]

    return counted


def _line(headings: tuple[str, ...]) -> str:
    return BREADCRUMBS.join(headings) + "\n"


class _Counted(NamedTuple):
    piece: PassagePiece
    tokens: int
    """With what joins it to the one before."""
    repeated: int
    """Tokens of what is above it, where it comes first."""


def _path(
    headings: tuple[str, ...], count: Count, limits: ChunkLimits
) -> tuple[tuple[str, ...], int]:
    """The headings that have room, and their tokens with the line end."""
    while headings:
        (tokens,) = count([_line(headings)])
        if tokens <= limits.most // PATH_SHARE:
            return headings, tokens
        headings = headings[1:]
    return (), 0


def _fitting(given: Sequence[PassagePiece], count: Count, room: int) -> list[_Counted]:
    """The pieces with their tokens; those that are too long, cut."""
    waiting, found = list(given), list[_Counted]()
    tokens = list(count([piece.joint + piece.text for piece in waiting]))
    above = {text: number for text in {p.repeated for p in waiting if p.repeated}
             for number in count([text + "\n"])}  # fmt: skip
    while waiting:
        too_long = list[int]()
        for at, (piece, size) in enumerate(zip(waiting, tokens, strict=True)):
            if size + above.get(piece.repeated, 0) > room and len(piece.text) > 1:
                too_long.append(at)
        if not too_long:
            break
        halves = {at: _halved(waiting[at], above, room) for at in too_long}
        asked = [part for at in too_long for part in halves[at]]
        counted = iter(count([part.joint + part.text for part in asked]))
        after, sizes = list[PassagePiece](), list[int]()
        for at, piece in enumerate(waiting):
            for part in halves.get(at, [piece]):
                after.append(part)
                sizes.append(next(counted) if at in halves else tokens[at])
        waiting, tokens = after, sizes
    for piece, size in zip(waiting, tokens, strict=True):
        found.append(_Counted(piece, size, above.get(piece.repeated, 0)))
    return found


def _halved(piece: PassagePiece, above: dict[str, int], room: int) -> list[PassagePiece]:
    """A piece in two, between words if there is a place near its middle."""
    if above.get(piece.repeated, 0) * 2 > room:  # a heading row that leaves no room for rows
        piece = piece._replace(repeated="")
    text, middle = piece.text, len(piece.text) // 2
    ends = [gap.span() for gap in _WORD_END.finditer(text, 1, len(text) - 1)]
    begin, end = min(ends, key=lambda gap: abs(gap[0] - middle), default=(middle, middle))
    if not len(text) // 8 < begin < len(text) - len(text) // 8:
        begin = end = middle
    rest = piece._replace(text=text[end:], start=piece.start + end, joint=text[begin:end] or "")
    return [piece._replace(text=text[:begin]), rest]


def _packed(pieces: Sequence[_Counted], room: int, overlap: int) -> Iterator[list[_Counted]]:
    """As many pieces to each passage as have room, the last of one again in the next."""
    held, size = list[_Counted](), 0
    for piece in pieces:
        needed = piece.tokens + (0 if held else piece.repeated)
        if held and size + needed > room:
            yield held
            held = _tail(held, min(overlap, room - piece.tokens))
            size = sum(each.tokens for each in held) + (held[0].repeated if held else 0)
            if held and size + piece.tokens > room:
                held, size = [], 0
            needed = piece.tokens + (0 if held else piece.repeated)
        held.append(piece)
        size += needed
    if held:
        yield held


def _tail(held: Sequence[_Counted], most: int) -> list[_Counted]:
    """The last pieces that are within a number of tokens together; never all of them."""
    found, size = list[_Counted](), 0
    for piece in reversed(held[1:]):
        size += piece.tokens
        if size + piece.repeated > most:
            break
        found.insert(0, piece)
    return found
