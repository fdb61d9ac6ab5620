"""Intervals: what a figure may be, given how little was asked."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Interval = tuple[float, float]


def wilson(hits: int, count: int) -> Interval:
    """95 % interval of a proportion."""
    z, p = 1.96, hits / count
    middle = (p + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(p * (1 - p) / count + z * z / (4 * count**2)) / (1 + z * z / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(parts: Sequence[float], sizes: Sequence[float], draws: int = 1000) -> Interval:
    """95 % interval of sum(parts) / sum(sizes), drawing the documents again with replacement."""
    rng = np.random.default_rng(0)
    chosen = rng.integers(len(parts), size=(draws, len(parts)))
    ratios = np.array(parts)[chosen].sum(1) / np.array(sizes)[chosen].sum(1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return float(low), float(high)


def paired(first: Sequence[bool], second: Sequence[bool], draws: int = 1000) -> Interval:
    """95 % interval of the difference of two proportions on the same questions."""
    differences = [float(a) - float(b) for a, b in zip(first, second, strict=True)]
    return bootstrap(differences, [1.0] * len(differences), draws)
