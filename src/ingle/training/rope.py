"""Rotary positions (Su et al. 2021): how far each pair of numbers turns per position."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ingle.training.architecture import Architecture

FACTORS = ("rope_freqs.weight", "rope_factors_short.weight")
"""Tensors of what each pair's turn is divided by: Llama 3.1's, and LongRoPE's for the context that
the base was first trained for."""


def frequencies(
    architecture: Architecture, *, local: bool, factors: NDArray[np.float32] | None = None
) -> NDArray[np.float64]:
    """Radians per position, ``[rotary / 2]``.

    Args:
        local: for blocks that see a window only.
        factors: what each is divided by.
    """
    a = architecture
    base = a.local_rope_base if local else a.rope_base
    half = np.arange(0, a.rotary, 2, dtype=np.float64)
    turns: NDArray[np.float64] = base ** (-half / a.rotary)
    if factors is not None:
        turns = turns / factors.astype(np.float64)
    if local:
        return turns
    if a.scaling.kind == "yarn":
        kept = _kept_by_yarn(a)
        return turns * kept + turns / a.scaling.factor * (1 - kept)
    return turns / a.scaling.factor


def _kept_by_yarn(a: Architecture) -> NDArray[np.float64]:
    """Which share of each turn is not scaled: 1 for fast ones, 0 for slow ones (Peng et al. 2023,
    equations 18 and 19)."""

    def pair(rotations: float) -> float:
        turns = a.scaling.original / (rotations * 2 * math.pi)
        return a.rotary * math.log(turns) / (2 * math.log(a.rope_base))

    low = max(0.0, math.floor(pair(a.scaling.beta_fast)))
    high = min(a.rotary - 1.0, math.ceil(pair(a.scaling.beta_slow)))
    places = np.arange(a.rotary // 2, dtype=np.float64)
    ramp = (places - low) / max(0.001, high - low)
    return np.asarray(1.0 - np.clip(ramp, 0.0, 1.0))
