"""Whether an answer says what its sources say: a check of words, not of meaning.

A sentence is supported by a passage that it cites if

1. every number in it stands in the passage,
2. whatever it quotes stands there, letter by letter but for case and white space, and
3. most of its longer words do, whatever their endings.

A sentence that cites nothing is tried with each passage; one that is in one of them is given its
number. What cites a passage that does not bear it out loses the citation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ingle.collections.chunking import sentence_spans

SHARE = 0.6
"""Of the longer words of a sentence, those that a passage must have."""
LONG = 4
"""Letters of a word that says something."""
_MARK = re.compile(r"\s*\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_QUOTE = re.compile(r"[\"“„]([^\"“”„]{4,})[\"”“]|`([^`]{2,})`")
_WORD = re.compile(r"[^\W\d_]+")


class CheckedSentence(NamedTuple):
    """A sentence, and which passages bear it out."""

    text: str
    citations: tuple[int, ...]
    supported: bool


def checked(answer: str, passages: Sequence[str]) -> list[CheckedSentence]:
    """The sentences of an answer.

    Args:
        passages: that it may cite; the first one is ``[1]``.
    """
    known = [_Text(passage) for passage in passages]
    found = list[CheckedSentence]()
    for begin, end in sentence_spans(answer):
        text = answer[begin:end]
        if found and not _MARK.sub("", text).strip(" .\n"):  # marks behind the full stop
            before = found.pop()
            text = before.text + " " + text
        found.append(_sentence(text, known))
    return found


def _sentence(text: str, passages: Sequence[_Text]) -> CheckedSentence:
    cited = [int(number) for mark in _MARK.findall(text) for number in mark.split(",")]
    plain = _MARK.sub("", text)
    if not _WORD.search(plain):
        return CheckedSentence(text, (), True)
    candidates = dict.fromkeys(cited) if cited else range(1, len(passages) + 1)
    bearing = [
        number
        for number in candidates
        if 0 < number <= len(passages) and passages[number - 1].bears_out(plain)
    ]
    return CheckedSentence(text, tuple(bearing if cited else bearing[:1]), bool(bearing))


class _Text:
    """A passage, prepared."""

    def __init__(self, text: str) -> None:
        self._plain = _flat(text)
        self._numbers = set(_NUMBER.findall(text))
        self._stems = {_stem(word) for word in _WORD.findall(text)}

    def bears_out(self, sentence: str) -> bool:
        if not set(_NUMBER.findall(sentence)) <= self._numbers:
            return False
        quotes = (one or other for one, other in _QUOTE.findall(sentence))
        if any(_flat(quote) not in self._plain for quote in quotes):
            return False
        words = {_stem(word) for word in _WORD.findall(sentence) if len(word) >= LONG}
        return not words or len(words & self._stems) >= SHARE * len(words)


def _stem(word: str) -> str:
    """A word without what endings change, roughly, in any language with endings."""
    return word.lower()[: max(LONG, len(word) - 3)]


def _flat(text: str) -> str:
    return " ".join(text.lower().split())
