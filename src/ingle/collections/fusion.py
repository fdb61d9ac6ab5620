"""Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009).

What is in several ranked lists has the sum of ``weight / (10 + rank)`` over them, so none has to
know what the others' numbers mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

CONSTANT = 10
"""Its authors have 60, for lists of a thousand from many systems. With two short lists that puts
what is somewhere in both before what is first in one (`bench.own_documents questions`)."""


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
