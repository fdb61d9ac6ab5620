"""Overlap: 13-word sequences that held-out text shares with training text.

What a model has read word for word it need not predict, so a figure on text that training holds
too says nothing. The corpus stage uses this to take apart what several works say in the same
words, and fails when a document that is held out still shares more than it may.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

GRAM = 13  # words
WORD = re.compile(r"\w+")
Hashes = NDArray[np.uint64]
_WEIGHTS = np.array([pow(0x9E3779B97F4A7C15, k, 1 << 64) for k in range(GRAM)], dtype=np.uint64)


@cache
def word_hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def of_words(words: list[str]) -> Hashes:
    """The hash of each run of 13 words, in order: element i is of words i to i + 12."""
    count = len(words) - GRAM + 1
    if count < 1:
        return np.zeros(0, dtype=np.uint64)
    single = np.fromiter(map(word_hash, words), dtype=np.uint64, count=len(words))
    total = np.zeros(count, dtype=np.uint64)
    for k in range(GRAM):
        total += single[k : k + count] * _WEIGHTS[k]
    return total


def grams(text: str) -> Hashes:
    return of_words(WORD.findall(text.lower()))


def union(parts: Iterable[Hashes]) -> Hashes:
    """Every hash once, sorted, for `shared`."""
    listed = list(parts)
    return np.unique(np.concatenate(listed)) if listed else np.zeros(0, dtype=np.uint64)


def shared(own: Hashes, others: Hashes) -> NDArray[np.bool_]:
    """Which of `own` are in the sorted `others`."""
    if not len(others):
        return np.zeros(len(own), dtype=np.bool_)
    places = np.minimum(np.searchsorted(others, own), len(others) - 1)
    found: NDArray[np.bool_] = others[places] == own
    return found


def without(text: str, others: Hashes) -> str:
    """The text without the paragraphs that share a gram with `others`."""
    while True:
        paragraphs = text.split("\n\n")
        words: list[str] = []
        paragraph_of: list[int] = []
        for number, paragraph in enumerate(paragraphs):
            found = WORD.findall(paragraph.lower())
            words += found
            paragraph_of += [number] * len(found)
        places = np.flatnonzero(shared(of_words(words), others))
        if not len(places):
            return text
        # The gram may begin in one paragraph and end in another: both go.
        touched = {paragraph_of[p] for p in places} | {paragraph_of[p + GRAM - 1] for p in places}
        text = "\n\n".join(p for i, p in enumerate(paragraphs) if i not in touched)


def between(tests: list[str], trained: Iterable[str]) -> dict[str, float]:
    """Of the texts that are long enough: the shares with any, and with over 10 %, of their grams
    in `trained`, and the share whose every gram is there (`same`)."""
    own = [grams(text) for text in tests]
    long = [found for found in own if len(found)]
    every = union(long)
    seen = union(found[shared(found, every)] for found in map(grams, trained))
    parts = [float(shared(found, seen).mean()) for found in long]
    count = max(1, len(parts))
    return {
        "texts": len(parts),
        "any": sum(p > 0 for p in parts) / count,
        "over_10_percent": sum(p > 0.1 for p in parts) / count,
        "same": sum(p == 1 for p in parts) / count,
    }
