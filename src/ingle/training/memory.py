"""What a run will need of memory, before it starts."""

from __future__ import annotations

from typing import NamedTuple

import torch

from ingle.errors import DoesNotFit
from ingle.training.architecture import Architecture
from ingle.training.lora import Shape

OVERHEAD = 400 * 2**20
"""torch itself, and what its allocator leaves unused."""
LIVE = 14
"""Tensors of a row's width that a block keeps for its backward pass, at most."""


class Estimate(NamedTuple):
    """Bytes, by what takes them."""

    base: int
    """Numbers of the base that stay dequantised."""
    block: int
    """One block's numbers, where they do not stay."""
    adapter: int
    """The adapter, its gradients, and the optimiser's two moments."""
    activations: int
    """What enters each block, and the inside of the one that is worked on."""
    head: int
    """A chunk of the vocabulary, and logits of the supervised positions for it."""

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self) + OVERHEAD


def estimate(
    architecture: Architecture,
    shape: Shape,
    *,
    rows: int,
    sequence: int,
    bytes_each: int,
    keep: int,
    head_rows: int,
) -> Estimate:
    """What a micro-batch of so many rows takes, at most: every position supervised.

    Args:
        bytes_each: of one number of the base's (4 or 2).
        keep: bytes that may stay dequantised.
    """
    a = architecture
    matrices = sum(out * into for out, into in a.matrices.values())
    whole = (a.layers * matrices + a.vocabulary * a.width * (1 if a.tied else 2)) * bytes_each
    sides = sum(sum(a.matrices[name]) for name in shape.targets) * shape.rank * a.layers
    tokens = rows * sequence
    inside = LIVE * a.width + 4 * a.feed_forward + 2 * (a.heads + a.key_value_heads) * a.head
    attention = rows * a.heads * sequence * sequence * 4
    chunk = min(head_rows, a.vocabulary)
    return Estimate(
        base=min(keep, whole),
        block=0 if whole <= keep else matrices * bytes_each,
        adapter=sides * 4 * 4,
        activations=tokens * (a.layers * a.width + inside) * bytes_each + attention,
        head=chunk * a.width * bytes_each + tokens * chunk * 4 * 2,
    )


def available(device: torch.device) -> int:
    """Bytes that are free on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    from ingle.node import memory

    return memory.cpu_device().memory_free


def check(found: Estimate, free: int, rows: int, sequence: int) -> None:
    """Refuse what will not fit.

    Raises:
        DoesNotFit: with the settings that would.
    """
    if found.total <= free:
        return
    hint = "--micro-rows 1" if rows > 1 else f"--sequence {sequence // 2}"
    raise DoesNotFit(
        f"training needs about {found.total / 2**20:.0f} MiB, and {free / 2**20:.0f} MiB are free",
        hint=f"the same command with {hint}",
        needed_bytes=found.total,
        available_bytes=free,
        device="",
    )
