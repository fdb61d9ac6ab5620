"""The optimiser's moments: as they are, or in 8 bits."""

from __future__ import annotations

import functools
from typing import Protocol

import torch
from torch import Tensor

from ingle.training.memory_plan import SCALED

BLOCK = SCALED


class Moment(Protocol):
    """A flat tensor of numbers, read and written by parts that begin at a multiple of `BLOCK`."""

    def read(self, part: slice) -> Tensor:
        """Those numbers."""
        ...

    def write(self, part: slice, numbers: Tensor) -> None:
        """Keep those numbers."""
        ...

    def state(self) -> dict[str, Tensor]:
        """What it consists of; writing into these tensors changes it."""
        ...


class PlainMoment:
    """Numbers as they are."""

    def __init__(self, like: Tensor) -> None:
        self._numbers = torch.zeros_like(like)

    def read(self, part: slice) -> Tensor:
        return self._numbers[part]

    def write(self, part: slice, numbers: Tensor) -> None:
        self._numbers[part] = numbers

    def state(self) -> dict[str, Tensor]:
        return {"numbers": self._numbers}


class EightBitMoment:
    """Block-wise dynamic quantisation (Dettmers et al. 2022): a byte each, a scale for each block.

    Args:
        signed: whether there are negative numbers.
    """

    def __init__(self, like: Tensor, *, signed: bool) -> None:
        blocks = -(-like.numel() // BLOCK)
        self._size = like.numel()
        self._table = dynamic_table(signed).to(like.device, like.dtype)
        zero = int((self._table == 0).nonzero())
        self._codes = torch.full((blocks * BLOCK,), zero, device=like.device, dtype=torch.uint8)
        self._scales = torch.zeros(blocks, device=like.device, dtype=like.dtype)

    def read(self, part: slice) -> Tensor:
        blocks, size = self._blocks(part)
        codes = self._codes.view(-1, BLOCK)[blocks].long()
        return (self._table[codes] * self._scales[blocks, None]).view(-1)[:size]

    def write(self, part: slice, numbers: Tensor) -> None:
        blocks, size = self._blocks(part)
        padded = torch.nn.functional.pad(numbers, (0, -size % BLOCK)).view(-1, BLOCK)
        scales = padded.abs().amax(dim=1)
        shares = padded / scales.clamp_min(torch.finfo(scales.dtype).tiny)[:, None]
        between = (self._table[1:] + self._table[:-1]) / 2
        self._codes.view(-1, BLOCK)[blocks] = torch.bucketize(shares, between).to(torch.uint8)
        self._scales[blocks] = scales

    def state(self) -> dict[str, Tensor]:
        return {"codes": self._codes, "scales": self._scales}

    def _blocks(self, part: slice) -> tuple[slice, int]:
        start, stop, _ = part.indices(self._size)
        return slice(start // BLOCK, -(-stop // BLOCK)), stop - start


@functools.cache
def dynamic_table(signed: bool) -> Tensor:
    """256 numbers of at most 1: decades down to 1e-6, the upper ones more finely divided."""
    values = [0.0, 1.0]
    for decade in range(7):
        count = 2 ** (decade + (0 if signed else 1))
        edges = torch.linspace(0.1, 1.0, count + 1, dtype=torch.float64)
        middles = ((edges[1:] + edges[:-1]) / 2 * 10.0 ** (decade - 6)).tolist()
        values += middles + ([-value for value in middles] if signed else [])
    return torch.tensor(sorted(values))
