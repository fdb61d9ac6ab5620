"""How the order of a search and the scores of a reranker become one order.

By reciprocal ranks, as the search's own lists are joined: a reranker's scores are of another size
with each model, and a small one is wrong where the search was right.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingle.collections.fusion import fused

DEPTH = 20
"""Passages that a reranker reads with the query."""
WEIGHT = 1.0
"""Of its order, against the search's."""


def blended(scores: Sequence[float]) -> list[tuple[int, float]]:
    """Places in a search's results, in the new order, each with its score.

    Args:
        scores: of the reranker, for the results in their order; higher is better.
    """
    order = sorted(range(len(scores)), key=lambda at: (-scores[at], at))
    joined = fused([(range(len(scores)), 1.0), (order, WEIGHT)])
    return sorted(joined.items(), key=lambda entry: (-entry[1], entry[0]))
