"""N-gram: an interpolated modified Kneser-Ney model over tokens, a yardstick for bits per byte.

It has the model's own tokenizer and the model's own training documents, so what lies between
their figures is what the network adds to counting.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Numbers = NDArray[np.float64]
MIX = np.uint64(0x9E3779B97F4A7C15)


def keys(tokens: NDArray[np.uint16], length: int) -> Keys:
    """A 64-bit hash of the `length` tokens that begin at each place."""
    count = max(0, len(tokens) - length + 1)
    found = np.full(count, length, np.uint64)
    for k in range(length):
        found = (found ^ (found >> np.uint64(29))) * MIX + tokens[k : k + count].astype(np.uint64)
    return (found ^ (found >> np.uint64(32))) * MIX


class Order(NamedTuple):
    grams: Keys  # sorted
    counts: Numbers  # less the discount
    contexts: Keys  # sorted
    totals: Numbers
    left: Numbers  # the mass that discounting took from each context


def look_up(table: Keys, values: Numbers, wanted: Keys) -> Numbers:
    """The value of each key, 0 where the table lacks it."""
    places = np.minimum(np.searchsorted(table, wanted), len(table) - 1)
    return np.where(table[places] == wanted, values[places], 0.0)


def discounts(counts: NDArray[np.int64]) -> Numbers:
    """Chen and Goodman's three, by the count: 1, 2, more."""
    n = [max(1, int((counts == k).sum())) for k in (1, 2, 3, 4)]
    y = n[0] / (n[0] + 2 * n[1])
    found = [k + 1 - (k + 2) * y * n[k + 1] / n[k] for k in range(3)]
    # What is never seen must cost something, not everything.
    return np.clip([0.0, *found], [0.0, 0.05, 0.05, 0.05], [0.0, 0.99, 1.99, 2.99])


class KneserNey:
    def __init__(self, tokens: NDArray[np.uint16], vocabulary: int, order: int = 5) -> None:
        self.vocabulary = vocabulary
        self.orders: list[Order] = []
        first: NDArray[np.int64] | None = None  # where each distinct longer n-gram begins
        for length in range(order, 0, -1):
            every = keys(tokens, length)
            if first is None:
                grams, first, counts = np.unique(every, return_index=True, return_counts=True)
            else:
                # A shorter n-gram counts once for each word that it was seen after.
                inside = first + 1
                grams, index, counts = np.unique(
                    every[inside], return_index=True, return_counts=True
                )
                first = inside[index]
            discount = discounts(counts)[np.minimum(counts, 3)]
            before = keys(tokens, length - 1)[first]
            contexts, which = np.unique(before, return_inverse=True)
            totals: Numbers = np.bincount(which, counts).astype(np.float64)
            left: Numbers = np.bincount(which, discount).astype(np.float64)
            self.orders.insert(0, Order(grams, counts - discount, contexts, totals, left))

    def bits(self, tokens: NDArray[np.uint16]) -> Numbers:
        """What each token after the first costs."""
        found = np.full(len(tokens), 1 / self.vocabulary)
        for length, order in enumerate(self.orders, 1):
            grams = keys(tokens, length)
            before = keys(tokens, length - 1)[: len(tokens) - length + 1]
            totals = look_up(order.contexts, order.totals, before)
            known = totals > 0
            safe = np.where(known, totals, 1.0)
            shorter = found[length - 1 :]
            mass = look_up(order.contexts, order.left, before)
            own = look_up(order.grams, order.counts, grams)
            found[length - 1 :] = np.where(known, (own + mass * shorter) / safe, shorter)
        bits: Numbers = -np.log2(found[1:])
        return bits
