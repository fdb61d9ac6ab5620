"""Pairs of answers, prepared for DPO: tokens as the engine makes them, in files of JSONL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from ingle.errors import InvalidRequest
from ingle.training.examples import Source
from ingle.training.examples.preference import Preference
from ingle.training.preparation import FEW, TOGETHER, unused_sentence
from ingle.training.rendering import Renderer
from ingle.training.trl.trl_job import PAIRS, PAIRS_APART


class PreferencePair(NamedTuple):
    """A prompt's tokens, and those of its answers."""

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]


class PreparedPairs(msgspec.Struct, frozen=True, kw_only=True):
    """What a run with pairs learns from."""

    pairs: int
    apart: int
    tokens: int
    cut: int
    """Pairs of which an answer was longer than the sequence."""
    lost: int
    """Pairs whose prompt left no room for an answer: left out."""
    sha256: str = ""
    unused: tuple[str, ...] = ()
    """Names of fields in the data that no one reads."""

    def sentences(self, sequence: int) -> list[str]:
        """The same for people."""
        apart = f", {self.apart} for validation" if self.apart else ""
        return [
            f"{self.pairs} pairs of answers, {self.tokens} tokens{apart}; "
            f"{self.cut} truncated to {sequence} tokens, {self.lost} skipped",
            *unused_sentence(self.unused),
        ]


class _Writer:
    """Writes pairs, cut to their room."""

    def __init__(self, sequence: int) -> None:
        self._sequence = sequence
        self.kept: list[PreferencePair] = []
        self.cut = self.lost = 0

    def add(self, pair: PreferencePair) -> None:
        room = self._sequence - len(pair.prompt)
        if room < 1:
            self.lost += 1
            return
        self.cut += max(len(pair.chosen), len(pair.rejected)) > room
        self.kept.append(PreferencePair(pair.prompt, pair.chosen[:room], pair.rejected[:room]))

    def write(self, path: Path, order: Iterable[int]) -> None:
        with path.open("w") as file:
            for number in order:
                pair = self.kept[number]
                line = {f"{name}_ids": tokens for name, tokens in pair._asdict().items()}
                file.write(json.dumps(line) + "\n")


async def prepare(
    data: Source,
    folder: Path,
    renderer: Renderer,
    *,
    sequence: int,
    split: str = "",
    validation: Source | None = None,
    share: float = 0.05,
    seed: int = 0,
) -> PreparedPairs:
    """Write a run's pairs into its folder.

    Raises:
        InvalidRequest, CapabilityMissing: the data, a row or the template.
    """
    split = data.split(split)
    train, checks = _Writer(sequence), _Writer(sequence)
    unused: set[str] = set()
    async for pair in _pairs(_noted(data.preferences(split), unused), renderer):
        train.add(pair)
    given = data.checks(split, validation)
    if given is not None:
        source, name = given
        async for pair in _pairs(source.preferences(name), renderer):
            checks.add(pair)
    if not train.kept:
        raise InvalidRequest(
            f"nothing to train on: no prompt is shorter than {sequence} tokens",
            hint="raise --max-length, or shorten the prompts",
            field="data",
        )
    order = list(range(len(train.kept)))
    apart: list[int] = []
    if given is None and len(order) >= FEW:
        mixed = np.random.default_rng(seed).permutation(len(order)).tolist()
        count = max(1, round(len(order) * share))
        apart, order = sorted(mixed[:count]), sorted(mixed[count:])
    train.write(folder / PAIRS, order)
    if apart:
        train.write(folder / PAIRS_APART, apart)
    elif checks.kept:
        checks.write(folder / PAIRS_APART, range(len(checks.kept)))
    return PreparedPairs(
        pairs=len(order),
        apart=len(apart) or len(checks.kept),
        tokens=sum(len(part) for number in order for part in train.kept[number]),
        cut=train.cut + checks.cut,
        lost=train.lost + checks.lost,
        sha256=await asyncio.to_thread(data.sha256, split),
        unused=tuple(sorted(unused | renderer.unwritten)),
    )


def _noted(preferences: Iterable[Preference], unused: set[str]) -> Iterator[Preference]:
    for preference in preferences:
        unused |= preference.unused
        yield preference


async def _pairs(
    preferences: Iterable[Preference], renderer: Renderer
) -> AsyncIterator[PreferencePair]:
    found = iter(preferences)
    while group := list(islice(found, TOGETHER)):
        for pair in await asyncio.gather(*(_pair(p, renderer) for p in group)):
            yield pair


async def _pair(preference: Preference, renderer: Renderer) -> PreferencePair:
    """Either answer as it would be learnt; of a conversation only the last answers differ."""
    (prompt, chosen), (_, rejected) = [
        (await renderer.documents(side))[-1] for side in (preference.chosen, preference.rejected)
    ]
    return PreferencePair(prompt.tokens, chosen.tokens, rejected.tokens)
