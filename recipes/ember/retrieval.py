"""Retrieval: how often the passage that answers a question is among the first ten found."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def bm25(queries: list[str], passages: list[str], k1: float = 1.2, b: float = 0.75) -> Scores:
    """Okapi BM25 as search engines have it by default; no stemming, no stop words."""
    counted = [Counter(words(p)) for p in passages]
    sizes = np.array([c.total() for c in counted], np.float32)
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, counts in enumerate(counted):
        for word, count in counts.items():
            places[word].append((number, count))
    norm = k1 * (1 - b + b * sizes / sizes.mean())
    scores = np.zeros((len(queries), len(passages)), np.float32)
    for row, query in zip(scores, queries, strict=True):
        for word in set(words(query)) & places.keys():
            found = np.array(places[word])
            weight = math.log(1 + (len(passages) - len(found) + 0.5) / (len(found) + 0.5))
            frequency = found[:, 1]
            row[found[:, 0]] += weight * frequency * (k1 + 1) / (frequency + norm[found[:, 0]])
    return scores


def cosine(queries: NDArray[np.float32], passages: NDArray[np.float32]) -> Scores:
    q = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    p = passages / np.linalg.norm(passages, axis=1, keepdims=True)
    scores: Scores = q @ p.T
    return scores


def hits(scores: Scores, first: int = 10) -> int:
    """Of queries whose passage has their own number: how many have it among the first."""
    own = scores[np.arange(len(scores)), np.arange(len(scores))]
    better = (scores > own[:, None]).sum(1)
    return int((better < first).sum())
