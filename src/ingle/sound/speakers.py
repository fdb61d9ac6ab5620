"""Who speaks when: voices are told apart by what a speaker model makes of short pieces of speech.

Pieces whose vectors are alike are one speaker (agglomerative clustering by the mean of the cosines,
as in Sell et al., "Diarization is hard", 2018). A long recording is clustered block by block, and
the blocks' clusters once more, so that memory and time grow with its length and no faster.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ingle.sound.samples import RATE, Samples
from ingle.sound.speech import Speech

PIECE_S, STEP_S = 1.5, 0.75
"""Seconds of a piece, and from one to the next: a turn is seldom shorter."""
LEAST_S = 0.4
"""Less says nothing of a voice."""
ALIKE = 0.35
"""The mean cosine from which clusters are one speaker, where it is not said how many there are."""
FEWEST = 3
"""Pieces of a speaker, where it is not said how many there are."""
BLOCK = 400
"""Pieces that are clustered at once."""
MOST_OF_BLOCK = 24
"""Clusters that a block may leave."""

Vectors = npt.NDArray[np.float32]
Embed = Callable[[Samples], npt.NDArray[np.float32]]
"""From speech to a vector of its voice."""


class SpeakerTurn(NamedTuple):
    """One speaker from a sample to another one."""

    start: int
    end: int
    speaker: int
    """0 for the first who speaks, 1 for the next one, ..."""


class SpeakerTimeline:
    """Who speaks when in a recording."""

    def __init__(self, turns: list[SpeakerTurn]) -> None:
        self._turns = turns
        self._starts = [turn.start for turn in turns]

    @property
    def count(self) -> int:
        """How many speakers there are."""
        return 1 + max((turn.speaker for turn in self._turns), default=-1)

    def speaker(self, start_s: float, end_s: float) -> int | None:
        """Who speaks for most of a time; None where no one does."""
        first, last = round(start_s * RATE), round(end_s * RATE)
        at = max(0, bisect.bisect_right(self._starts, first) - 1)
        spoken: dict[int, int] = {}
        for turn in self._turns[at:]:
            if turn.start >= last:
                break
            shared = min(last, turn.end) - max(first, turn.start)
            if shared > 0:
                spoken[turn.speaker] = spoken.get(turn.speaker, 0) + shared
        return max(spoken, key=spoken.__getitem__) if spoken else None


def timeline(
    stretches: Iterable[Speech], embed: Embed, wanted: int | Literal["auto"]
) -> SpeakerTimeline:
    """Tell the speakers of a recording apart.

    Args:
        stretches: where someone speaks, in the order of time.
        wanted: how many speakers there are, if that is known.
    """
    places: list[tuple[int, int]] = []
    clusters = _Clusters(wanted)
    for speech in stretches:
        for at, length in _pieces(len(speech.samples)):
            places.append((speech.start + at, speech.start + at + length))
            vector = embed(speech.samples[at : at + length])
            clusters.add(vector / max(float(np.linalg.norm(vector)), 1e-9))
    return SpeakerTimeline(_turns(places, _smoothed(places, clusters.labels())))


def _pieces(length: int) -> list[tuple[int, int]]:
    """Begin and length of the pieces of a stretch."""
    piece, step = round(PIECE_S * RATE), round(STEP_S * RATE)
    if length < LEAST_S * RATE:
        return []
    if length <= piece:
        return [(0, length)]
    starts = list(range(0, length - piece, step))
    return [*((at, piece) for at in starts), (length - piece, piece)]


def _smoothed(places: list[tuple[int, int]], labels: list[int]) -> list[int]:
    """A single piece in the middle of what another one says is that one's."""
    found = list(labels)
    for at in range(1, len(labels) - 1):
        joined = places[at - 1][1] > places[at][0] and places[at][1] > places[at + 1][0]
        if joined and labels[at - 1] == labels[at + 1]:
            found[at] = labels[at - 1]
    return found


def _turns(places: list[tuple[int, int]], labels: list[int]) -> list[SpeakerTurn]:
    """Pieces overlap: each one's label counts from the middle of what it shares with the one before
    to the middle of what it shares with the next."""
    names: dict[int, int] = {}
    turns: list[SpeakerTurn] = []
    for number, ((start, end), label) in enumerate(zip(places, labels, strict=True)):
        if number and places[number - 1][1] > start:
            start = (places[number - 1][1] + start) // 2
        if number + 1 < len(places) and places[number + 1][0] < end:
            end = (places[number + 1][0] + end) // 2
        speaker = names.setdefault(label, len(names))
        if turns and turns[-1].speaker == speaker and turns[-1].end == start:
            turns[-1] = turns[-1]._replace(end=end)
        else:
            turns.append(SpeakerTurn(start, end, speaker))
    return turns


class _Clusters:
    """Vectors of length 1 as they come; of those of whole blocks only the clusters are kept."""

    def __init__(self, wanted: int | Literal["auto"]) -> None:
        self._wanted = wanted
        self._most = MOST_OF_BLOCK if wanted == "auto" else max(MOST_OF_BLOCK, wanted)
        self._block: list[Vectors] = []
        self._weights: list[float] = []
        self._labels: list[int] = []
        """The cluster of each vector of the blocks so far, by its place in `_sums`."""
        self._sums: list[Vectors] = []
        self._members: list[float] = []

    def add(self, vector: Vectors, weight: float = 1.0) -> None:
        """The next one.

        Args:
            weight: how many it stands for.
        """
        if len(self._block) == BLOCK:
            self._close_block()
        self._block.append(vector)
        self._weights.append(weight)

    def labels(self) -> list[int]:
        """The cluster of each vector."""
        if not self._sums:
            return (
                _merged(np.stack(self._block), self._weights, self._wanted) if self._block else []
            )
        self._close_block()
        whole = _Clusters(self._wanted)
        for total, members in zip(self._sums, self._members, strict=True):
            whole.add(total / max(float(np.linalg.norm(total)), 1e-9), members)
        found = whole.labels()
        return [found[label] for label in self._labels]

    def _close_block(self) -> None:
        block, weights = np.stack(self._block), np.array(self._weights)
        found = np.array(_merged(block, self._weights, min(self._most, len(block))))
        first = len(self._sums)
        for label in range(int(found.max()) + 1):
            chosen = found == label
            self._sums.append((block[chosen] * weights[chosen, None]).sum(axis=0))
            self._members.append(float(weights[chosen].sum()))
        self._labels += (found + first).tolist()
        self._block, self._weights = [], []


def _merged(vectors: Vectors, given: Sequence[float], wanted: int | Literal["auto"]) -> list[int]:
    """Merge the two clusters that are most alike, until there are as many as wanted, or none are
    alike enough."""
    count = len(vectors)
    alike = (vectors @ vectors.T).astype(np.float64)
    np.fill_diagonal(alike, -np.inf)
    weights = np.array(given, np.float64)
    weight = weights.copy()
    members = [[number] for number in range(count)]
    left = count
    target = 1 if wanted == "auto" else min(wanted, count)
    while left > target:
        flat = int(np.argmax(alike))
        one, other = divmod(flat, count)
        if wanted == "auto" and alike[one, other] < ALIKE:
            break
        share = weight[one] / (weight[one] + weight[other])
        mean = share * alike[one] + (1 - share) * alike[other]
        gone = np.isneginf(alike[one]) | np.isneginf(alike[other])
        mean[gone] = -np.inf
        alike[one], alike[:, one] = mean, mean
        alike[other], alike[:, other] = -np.inf, -np.inf
        alike[one, one] = -np.inf
        weight[one] += weight[other]
        members[one] += members[other]
        members[other] = []
        left -= 1
    groups = [group for group in members if group]
    if wanted == "auto":
        groups = _without_strays(groups, vectors, weights)
    labels = [0] * count
    for label, group in enumerate(groups):
        for number in group:
            labels[number] = label
    return labels


def _without_strays(
    groups: list[list[int]], vectors: Vectors, weights: npt.NDArray[np.float64]
) -> list[list[int]]:
    """Clusters of too few pieces go to those that they are most like: a cough is no speaker."""
    kept = [group for group in groups if weights[group].sum() >= FEWEST]
    if not kept:
        return groups
    centres = np.stack([vectors[group].sum(axis=0) for group in kept])
    centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-9)
    for group in groups:
        if weights[group].sum() < FEWEST:
            for number in group:
                kept[int(np.argmax(centres @ vectors[number]))].append(number)
    return kept
