"""Rotary positions (Su et al. 2021): how far each pair of numbers turns per position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ingle.training.architecture import Architecture


def frequencies(
    architecture: Architecture, *, local: bool, factors: NDArray[np.float32] | None = None
) -> NDArray[np.float64]:
    """Radians per position, ``[head / 2]``.

    Args:
        local: for blocks that see a window only.
        factors: what each is divided by (the tensor ``rope_freqs.weight`` of Llama 3.1
            and later).
    """
    base = architecture.local_rope_base if local else architecture.rope_base
    half = np.arange(0, architecture.head, 2, dtype=np.float64)
    turns: NDArray[np.float64] = base ** (-half / architecture.head)
    if not local:
        turns = turns / architecture.rope_factor
    if factors is not None:
        turns = turns / factors.astype(np.float64)
    return turns
