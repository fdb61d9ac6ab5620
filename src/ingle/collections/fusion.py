"""Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009).

What is in several ranked lists has the sum of ``weight / (60 + rank)`` over them, so none has to
know what the others' numbers mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

CONSTANT = 60
"""Of the fusion, as its authors have it."""


def fused(lists: Iterable[tuple[Sequence[int], float]]) -> dict[int, float]:
    """The score of each member of the lists.

    Args:
        lists: each with its weight, the best member first.
    """
    scores = dict[int, float]()
    for ranked, weight in lists:
        for rank, member in enumerate(ranked, 1):
            scores[member] = scores.get(member, 0.0) + weight / (CONSTANT + rank)
    return scores
