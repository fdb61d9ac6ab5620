"""How far quantised models are from the original, token by token on the same texts.

At each place of a text a model says how likely each token of the vocabulary is to come next. Of the
original's probabilities p and another model's q: the divergence of Kullback and Leibler, ``sum p
log (p/q)`` in nats, which is 0 where both say the same; whether both find the same token the most
likely; and how likely each finds the token that does come, whose mean is the perplexity. These are
of the weights alone: activations stay in 32 bits, which engines round as well.

Chunks are the units of chance: intervals are made by drawing chunks (Efron 1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ingle.errors import InvalidRequest
from ingle.models.gguf import read_tokens
from ingle.quantize.observed_decoder import ObservedDecoder, quiet

DRAWS = 2_000
SEED = 0


class ChunkFigures(NamedTuple):
    """Of one chunk, ``[places]`` each.

    Args:
        divergence: KL of the model from the original, in nats.
        same: both find the same token the most likely.
        among: the original's most likely token is among the model's first five.
        surprise: minus the logarithm of the probability of the token that comes.
    """

    divergence: NDArray[np.float32]
    same: NDArray[np.bool_]
    among: NDArray[np.bool_]
    surprise: NDArray[np.float32]


class Interval(NamedTuple):
    """A mean, and between what the mean of other texts of the kind would be in 95 of 100 cases."""

    mean: float
    low: float
    high: float


def check_vocabularies(reference: Path, other: Path, name: str) -> None:
    """Raises InvalidRequest: their tokens are not the same ones."""
    if read_tokens(reference) != read_tokens(other):
        raise InvalidRequest(
            f"{name} has another vocabulary than the model that it is compared with",
            hint="compare quantisations of one model",
            field="others",
        )


def compared(
    reference: ObservedDecoder, others: Sequence[ObservedDecoder], chunk: Sequence[int]
) -> list[ChunkFigures]:
    """The figures of the original and of each other model for one chunk."""
    decoders = [reference, *others]
    states = [_read(decoder, chunk) for decoder in decoders]
    coming = torch.tensor(chunk[1:], device=reference.device)
    found = [list[ChunkFigures]() for _ in decoders]
    at = 0
    for each in zip(
        *(d.log_probabilities(x) for d, x in zip(decoders, states, strict=True)), strict=True
    ):
        original, tokens = each[0], coming[at : at + len(each[0])]
        at += len(original)
        likely = original.argmax(-1)
        for place, values in enumerate(each):
            found[place].append(_figures(original, values, likely, tokens))
    return [ChunkFigures(*map(np.concatenate, zip(*parts, strict=True))) for parts in found]


def _read(decoder: ObservedDecoder, chunk: Sequence[int]) -> torch.Tensor:
    x = decoder.begin([chunk])
    for number in range(decoder.architecture.layers):
        x = decoder.forward(number, x, quiet)
    return decoder.final(x[:, :-1])


def _figures(
    original: torch.Tensor, values: torch.Tensor, likely: torch.Tensor, tokens: torch.Tensor
) -> ChunkFigures:
    divergence = (original.exp() * (original - values)).sum(-1).clamp(min=0)
    first = values.topk(5, dim=-1).indices
    surprise = -values.gather(1, tokens[:, None])[:, 0]
    return ChunkFigures(
        divergence.cpu().numpy(),
        (first[:, 0] == likely).cpu().numpy(),
        (first == likely[:, None]).any(-1).cpu().numpy(),
        surprise.cpu().numpy(),
    )


def interval(chunks: Sequence[NDArray[np.number[Any] | np.bool_]]) -> Interval:
    """Of the mean of all places, by drawing chunks. One chunk says nothing of others: its interval
    is the mean alone."""
    means = np.array([np.mean(chunk, dtype=np.float64) for chunk in chunks])
    drawn = np.random.default_rng(SEED).integers(0, len(means), (DRAWS, len(means)))
    low, high = np.percentile(means[drawn].mean(1), [2.5, 97.5])
    return Interval(float(means.mean()), float(low), float(high))
