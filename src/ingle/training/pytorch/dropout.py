"""Dropout by counting, not by drawing.

Whether a number is left out follows from its place, the matrix, the block and
the batch's seed, through a hash of 32 bits. So a block that is computed again
leaves out the same, a run that resumes does, and so does every other executor.
"""

from __future__ import annotations

import torch
from torch import Tensor

_MASK = 0xFFFF_FFFF


def drop(x: Tensor, share: float, salt: Tensor) -> Tensor:
    """``x`` without a ``share`` of its numbers, the others scaled up.

    Args:
        salt: a single integer of 64 bits, on the device of ``x``.
    """
    places = torch.arange(x.numel(), device=x.device).reshape(x.shape)
    kept = mixed(places + salt * 0x9E37_79B9) >= int(share * 2**32)
    return torch.where(kept, x / (1 - share), 0.0)


def mixed(x: Tensor) -> Tensor:
    """A number of 32 bits for each, every bit of which depends on every bit of ``x``.

    The constants are of Chris Wellons' "lowbias32".
    """
    x = x & _MASK
    x = ((x ^ (x >> 16)) * 0x7FEB_352D) & _MASK
    x = ((x ^ (x >> 15)) * 0x846C_A68B) & _MASK
    return x ^ (x >> 16)
