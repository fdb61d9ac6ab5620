"""A request's text as parts that are spoken one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ingle.capabilities.speak.operation import LONGEST_TEXT, Speak, TextPiece
from ingle.engines.engine import Feed
from ingle.errors import InvalidRequest
from ingle.sound.sentences import LONGEST, SentenceSplitter
from ingle.sound.spoken_text import spoken_text
from ingle.sound.ssml import read_ssml

PARAGRAPH_S = 0.3
"""Of silence after a heading, an item or a paragraph."""
CODE = "Code block."
"""What is said in place of a block of code."""


class SpokenPart(NamedTuple):
    """A sentence, or a pause, or a text of which nothing is spoken."""

    text: str
    characters: int
    """Of the request's text that it stands for."""
    speed: float = 1.0
    """Beside the request's own."""
    pause_s: float = 0.0
    """Of silence behind it."""
    left_out: bool = False
    """It is a block of code, for which the language has no words here."""


def spoken_parts(
    operation: Speak, language: str, feed: Feed | None, first: int = LONGEST
) -> Iterator[SpokenPart]:
    """The parts of a request, as soon as each is whole.

    Args:
        first: characters of the first one at most, where a clause ends there.

    Raises:
        InvalidRequest: the text is longer than may be, or not SSML though it says so.
    """
    texts = _bounded(_texts(operation, feed))
    if operation.markup == "ssml":
        return _of_ssml("".join(texts), language)
    return _of_text(texts, language, operation.markup == "markdown", first)


def _of_text(
    texts: Iterable[str], language: str, markdown: bool, first: int
) -> Iterator[SpokenPart]:
    in_code = False
    english = language.lower().partition("-")[0] == "en"
    for passage in SentenceSplitter(first).split(texts):
        size = len(passage.text)
        if passage.code and markdown:
            said = CODE if english and not in_code else ""
            yield SpokenPart(said, size, left_out=not english and not in_code)
            in_code = True
            continue
        in_code = False
        pause = PARAGRAPH_S if passage.text.rstrip(" \t").endswith("\n") else 0.0
        yield SpokenPart(spoken_text(passage.text, language, markdown=markdown), size, 1.0, pause)


def _of_ssml(text: str, language: str) -> Iterator[SpokenPart]:
    parts = read_ssml(text)
    told = sum(len(part.text) for part in parts)
    yield SpokenPart("", max(0, len(text) - told))
    for part in parts:
        if part.pause_s:
            yield SpokenPart("", 0, pause_s=part.pause_s)
        for passage in SentenceSplitter().split([part.text] if part.text else []):
            said = spoken_text(passage.text, language, markdown=False)
            yield SpokenPart(said, len(passage.text), part.speed)


def _texts(operation: Speak, feed: Feed | None) -> Iterable[str]:
    if operation.text is not None:
        return [operation.text]
    return (piece.text for piece in feed or () if isinstance(piece, TextPiece))


def _bounded(texts: Iterable[str]) -> Iterator[str]:
    size = 0
    for text in texts:
        size += len(text)
        if size > LONGEST_TEXT:
            raise InvalidRequest(
                f"text: more than {LONGEST_TEXT} characters; speak it in several requests",
                field="text",
            )
        yield text
