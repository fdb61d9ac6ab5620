"""A reranker's order and the search's become one."""

from __future__ import annotations

from ingle.collections.reranking import blended


def test_both_orders_count() -> None:
    assert [at for at, _ in blended([0.2, 0.1, 0.9])] == [0, 2, 1]
    assert [at for at, _ in blended([0.3, 0.1, 0.2, 0.9])] == [0, 3, 1, 2]
    scores = [score for _, score in blended([5.0, 4.0, 3.0])]
    assert scores == sorted(scores, reverse=True)


def test_of_equal_scores_the_search_decides() -> None:
    assert [at for at, _ in blended([1.0, 1.0, 1.0])] == [0, 1, 2]
