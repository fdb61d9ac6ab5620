"""What is measured, and how pairs become a ratio."""

from __future__ import annotations

import random
import statistics
from collections.abc import Awaitable, Callable
from typing import NamedTuple

FIRST_TOKEN = 300
"""Ordinary tokens begin here in the embedded model's vocabulary."""


class Work(NamedTuple):
    """Something to generate."""

    prompt_tokens: int
    new_tokens: int
    at_once: int = 1
    seed: int = 0

    def prompts(self) -> list[list[int]]:
        """Random token ids; a different seed shares no prefix."""
        found = []
        for number in range(self.at_once):
            chance = random.Random(self.seed * 1000 + number)
            found.append([chance.randrange(FIRST_TOKEN, 4000) for _ in range(self.prompt_tokens)])
        return found


class Run(NamedTuple):
    """How it went, as the caller saw it."""

    first_s: float
    total_s: float
    tokens: int

    @property
    def decode_rate(self) -> float:
        """Tokens per second after the first."""
        return (self.tokens - 1) / (self.total_s - self.first_s)

    @property
    def rate(self) -> float:
        """Tokens per second from the asking on."""
        return self.tokens / self.total_s


Runner = Callable[[Work], Awaitable[Run]]


class Pairs(NamedTuple):
    """Figures of both sides, pair by pair."""

    ours: list[float]
    bare: list[float]

    @property
    def ratio(self) -> float:
        """Median of the pairs' ratios, ours over bare."""
        return statistics.median(a / b for a, b in zip(self.ours, self.bare, strict=True))

    @property
    def difference(self) -> float:
        """Median of the pairs' differences, ours less bare."""
        return statistics.median(a - b for a, b in zip(self.ours, self.bare, strict=True))


async def pairs(
    ours: Runner, bare: Runner, work: Work, figure: Callable[[Run], float], count: int
) -> Pairs:
    """Run both in turn, the order changing from pair to pair; the first pair is not counted."""
    found = Pairs([], [])
    for number in range(count + 1):
        fresh = work._replace(seed=work.seed + number)
        if number % 2:
            a, b = await ours(fresh), await bare(fresh)
        else:
            b, a = await bare(fresh), await ours(fresh)
        if number:
            found.ours.append(figure(a))
            found.bare.append(figure(b))
    return found
