"""What a run will need of memory, before it starts."""

from __future__ import annotations

from typing import NamedTuple

from ingle.errors import DoesNotFit
from ingle.node.memory_budget import cpu_device
from ingle.training.architecture import Architecture
from ingle.training.lora import LoraConfig

OVERHEAD = 400 * 2**20
"""The executor itself, and what its allocator leaves unused."""
UNKNOWN = 2 * 2**30
"""Bytes that a graphics device is taken to have if it does not say."""
LOGITS = 2**26
"""Logits that exist at once."""
LOGITS_CUDA = 5 * 2**26
"""The same on a graphics processor, which wants large products: 2,208 positions of Qwen3."""
LIVE, LIVE_COMPILED, LIVE_DROPPED = (14, 4, 3), (6, 2, 2), (8, 3, 2)
"""Tensors that a block keeps for its backward pass, at most: of a row's width, of the
feed-forward's width, and of all heads together; of compiled ones, and of those with dropout, which
keep what it is applied to. Measured on CUDA, but for the last, which the compiler was asked."""
SCALED = 256
"""Numbers of an 8-bit moment that share a scale."""
UNPACKED = 2**22
"""Numbers whose 8-bit moments are unpacked at once, to be moved."""


class MemoryPlan(NamedTuple):
    """Bytes, by what takes them."""

    base: int
    """The base: bytes of the file, or numbers made of them."""
    block: int
    """One block's numbers, where they are made again at each use."""
    adapter: int
    """The adapter, its gradients, and the optimiser's two moments."""
    activations: int
    """What enters each block, and the insides of blocks that are kept."""
    head: int
    """A part of the vocabulary, and logits for it."""

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self) + OVERHEAD


def estimate(
    architecture: Architecture,
    shape: LoraConfig,
    *,
    rows: int,
    sequence: int,
    bytes_each: int,
    file_bytes: int,
    packed: bool,
    recompute: bool,
    whole_head: bool = False,
    compiled: bool = False,
    logits: int,
    scores: bool,
    eight_bit: bool = False,
) -> MemoryPlan:
    """What a micro-batch of that many rows takes, at most: every position supervised.

    Args:
        bytes_each: of one number (4 or 2).
        file_bytes: of the base's tensors in its file.
        packed: the base stays as those bytes.
        recompute: the insides of one block alone are kept at a time.
        whole_head: of a base that stays packed, the whole head is made numbers of at once.
        compiled: blocks are, and keep less.
        logits: how many may exist at once.
        scores: attention holds a score for each pair of positions.
        eight_bit: the optimiser's moments are kept in 8 bits.
    """
    a = architecture
    sides = shape.numbers(a)
    tokens = rows * sequence
    live = (LIVE_DROPPED if shape.dropout else LIVE_COMPILED) if compiled else LIVE
    widths = (a.width, a.feed_forward, (a.heads + 2 * a.key_value_heads) * a.head)
    inside = sum(count * width for count, width in zip(live, widths, strict=True))
    kept = 1 if recompute else a.layers
    attention = kept * rows * a.heads * sequence * sequence * 4 if scores else 0
    head = a.vocabulary * a.width if packed and whole_head else 0
    largest = max(out * into for out, into in a.matrices.values())
    return MemoryPlan(
        base=file_bytes if packed else a.parameters * bytes_each,
        block=2 * largest * bytes_each if packed else 0,
        adapter=sides * 4 * 2 + moments(sides, eight_bit=eight_bit),
        activations=tokens * (a.layers * a.width + kept * inside) * bytes_each + attention,
        head=(3 * min(logits, tokens * a.vocabulary) + head) * bytes_each,
    )


def moments(count: int, *, eight_bit: bool) -> int:
    """Bytes that the optimiser's two moments of that many numbers take, those at work included."""
    if not eight_bit:
        return count * 4 * 2
    kept = 2 * (count + -(-count // SCALED) * 4)
    # Both moments, the slope, its root, codes as indices of 8 bytes, and a scaled copy.
    return kept + min(count, UNPACKED) * (4 * 5 + 8)


def available(device: str) -> int:
    """Bytes that are free on a device, as far as it says; `UNKNOWN` if it does not."""
    kind, _, number = device.partition(":")
    if kind in ("cuda", "xpu"):
        import torch

        return int(getattr(torch, kind).mem_get_info(device if number else None)[0])
    main = cpu_device().memory_free
    if kind == "mps":  # the graphics processor has the main memory
        import torch

        most = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return min(main, int(most))
    if kind == "vulkan":
        from ingle.training.vulkan.heaps import room
        from ingle.training.vulkan.vulkan_device import adapters

        rooms = room(adapters())
        _, free = rooms[int(number or 0)] if int(number or 0) < len(rooms) else (None, None)
        return UNKNOWN if free is None else free
    return main


def too_large(needed: int, free: int, *, hint: str, device: str) -> DoesNotFit:
    """The refusal of a run that needs more bytes than a device has free.

    Args:
        hint: what would fit.
    """
    return DoesNotFit(
        f"training needs about {needed / 2**20:.0f} MiB, and {free / 2**20:.0f} MiB are free",
        hint=hint,
        needed_bytes=needed,
        available_bytes=free,
        device=device,
    )
