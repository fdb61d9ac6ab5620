"""Words with times, of a recogniser's tokens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ingle.engines.recognition.recogniser import RecognisedWord

UNSPACED = frozenset({"zh", "ja", "yue", "th", "lo", "my", "bo"})
"""Languages that are written without spaces: each whole token is told as a word."""


class SpelledToken(NamedTuple):
    """A token; its bytes may be a part of a character."""

    text: bytes
    start: float
    end: float
    probability: float


def words_of(tokens: Iterable[SpelledToken], language: str) -> tuple[RecognisedWord, ...]:
    """Tokens joined to words: a space begins one; elsewhere every whole character does."""
    groups: list[list[SpelledToken]] = []
    for token in tokens:
        spaced = token.text.startswith(b" ")
        apart = language in UNSPACED and bool(groups) and _whole(groups[-1])
        if spaced or apart or not groups:
            groups.append([])
        groups[-1].append(token)
    return tuple(_word(group) for group in groups if _text(group).strip())


def _word(group: list[SpelledToken]) -> RecognisedWord:
    sure = 1.0
    for token in group:
        sure *= token.probability
    return RecognisedWord(
        _text(group), group[0].start, max(group[0].start, group[-1].end), sure ** (1 / len(group))
    )


def _text(group: list[SpelledToken]) -> str:
    return b"".join(token.text for token in group).decode(errors="replace")


def _whole(group: list[SpelledToken]) -> bool:
    try:
        b"".join(token.text for token in group).decode()
    except UnicodeDecodeError:
        return False
    return True
