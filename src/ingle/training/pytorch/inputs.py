"""A batch on the device, in tensors whose sizes depend on the batch's shape alone.

So the work on one batch can be recorded, and replayed for the next one of the
same shape by writing its tensors over the old ones.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ingle.training.architecture import Architecture
from ingle.training.batch import IGNORE, Batch
from ingle.training.pytorch.operations import AttentionContext
from ingle.training.rope import frequencies


class TorchInputs(NamedTuple):
    """What the parts of a step read."""

    tokens: Tensor
    """``[rows, positions]``"""
    chosen: Tensor
    """Supervised places in all rows joined; filled up with place 0, which then weighs 0."""
    labels: Tensor
    """Of the chosen places."""
    weights: Tensor
    salt: Tensor
    """Of dropout."""
    whole: AttentionContext
    local: AttentionContext | None
    """For blocks that see a window only."""


def inputs(
    batch: Batch,
    architecture: Architecture,
    *,
    seed: int,
    weight: float,
    device: torch.device,
    dtype: torch.dtype,
    factors: NDArray[np.float32] | None,
    varlen: bool,
    step: int = 1,
) -> TorchInputs:
    """Upload a batch.

    Args:
        dtype: of weights and tables; 32 bits or more.
        factors: of RoPE.
        varlen: attention takes documents of any length.
        step: sizes that differ between batches (supervised places, documents) are rounded
            up to a power of two, and to this at least, so that few shapes occur; 1: exact.
    """
    flat = batch.labels.reshape(-1)
    chosen = np.flatnonzero(flat != IGNORE)
    labels = flat[chosen]
    weights = np.full(len(chosen), weight, dtype=np.float64)
    if batch.advantages is not None:
        weights *= batch.advantages.reshape(-1)[chosen]
    room = _rounded(len(chosen), step)
    if step > 1 and len(chosen) == flat.size:
        room = flat.size
    more = room - len(chosen)

    def up(values: NDArray[np.generic], kind: torch.dtype) -> Tensor:
        return torch.from_numpy(np.array(values)).to(device, kind, non_blocking=True)

    documents = None if _single(batch.documents) else batch.documents
    starts = None
    if varlen and (documents is not None or architecture.window):
        found = _starts(batch.tokens.shape, documents)
        starts = up(
            np.pad(found, (0, _rounded(len(found), step) - len(found)), "edge"), torch.int32
        )
    whole = _sight(batch, architecture, documents, starts, factors, device, dtype, local=False)
    local = None
    if architecture.window:
        local = _sight(batch, architecture, documents, starts, None, device, dtype, local=True)
    return TorchInputs(
        tokens=up(batch.tokens, torch.int64),
        chosen=up(np.pad(chosen, (0, more)), torch.int64),
        labels=up(np.pad(labels, (0, more)), torch.int64),
        weights=up(np.pad(weights, (0, more)), dtype),
        salt=torch.tensor(seed, device=device, dtype=torch.int64),
        whole=whole,
        local=local,
    )


def tensors(of: TorchInputs) -> list[Tensor]:
    """All tensors, always in the same order."""
    sights = [sight for sight in (of.whole, of.local) if sight is not None]
    return [
        *(x for x in of if isinstance(x, Tensor)),
        *(x for sight in sights for x in sight if isinstance(x, Tensor)),
    ]


def shape(of: TorchInputs) -> tuple[tuple[int, ...], ...]:
    """What a recording of the work on a batch depends on."""
    return tuple(tuple(x.shape) for x in tensors(of))


def _sight(
    batch: Batch,
    architecture: Architecture,
    documents: NDArray[np.int64] | None,
    starts: Tensor | None,
    factors: NDArray[np.float32] | None,
    device: torch.device,
    dtype: torch.dtype,
    *,
    local: bool,
) -> AttentionContext:
    turns = frequencies(architecture, local=local, factors=factors)
    # The tables are looked up on the device: for long rows, computing them took as long as a block.
    magnitude = 1.0 if local else architecture.scaling.magnitude
    length = _rounded(int(batch.positions.max()) + 1, 256)
    table = _table(tuple(turns), magnitude, length, device, dtype)
    places = torch.from_numpy(np.array(batch.positions)).to(device)[:, None]
    cosine, sine = (side[places] for side in table)
    window = architecture.window if local else 0
    mask = None
    if starts is None and (documents is not None or window):
        mask = _mask(batch.tokens.shape[1], documents, window, device)
    return AttentionContext(cosine, sine, mask, starts, window)


@functools.lru_cache(maxsize=8)
def _table(
    turns: tuple[float, ...],
    magnitude: float,
    length: int,
    device: torch.device,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Cosines and sines of all positions up to a length, ``[length, rotary / 2]``."""
    angles = np.arange(length)[:, None] * np.array(turns)
    cosine, sine = (
        torch.from_numpy(f(angles) * magnitude).to(device, dtype) for f in (np.cos, np.sin)
    )
    return cosine, sine


def _mask(
    length: int, documents: NDArray[np.int64] | None, window: int, device: torch.device
) -> Tensor:
    places = torch.arange(length, device=device)
    behind = places[:, None] - places[None, :]
    mask = behind >= 0
    if window:
        mask = mask & (behind < window)
    mask = mask[None, None]
    if documents is not None:
        of = torch.from_numpy(documents).to(device)
        mask = mask & (of[:, None, :, None] == of[:, None, None, :])
    return mask


def _single(documents: NDArray[np.int64] | None) -> bool:
    return documents is None or bool((documents == documents[:, :1]).all())


def _starts(size: tuple[int, ...], documents: NDArray[np.int64] | None) -> NDArray[np.int64]:
    rows, positions = size
    new = np.zeros((rows, positions), dtype=np.bool_)
    new[:, 0] = True
    if documents is not None:
        new[:, 1:] = documents[:, 1:] != documents[:, :-1]
    return np.append(np.flatnonzero(new.reshape(-1)), rows * positions)


def _rounded(count: int, step: int) -> int:
    return count if step == 1 else max(step, 1 << max(0, count - 1).bit_length())
