"""What training on a Vulkan device takes of its memory, and how many blocks keep their insides."""

from __future__ import annotations

from ingle.training.architecture import Architecture
from ingle.training.lora import LoraConfig
from ingle.training.memory_plan import MemoryPlan
from ingle.training.vulkan.attention import SCORES
from ingle.training.vulkan.head import LOGITS, MOST
from ingle.training.vulkan.linear import SCRATCH

PARTS = 1 << 24
"""Bytes of sums over pieces of k: twice as many tiles as keep a device busy."""
SLACK = 1.3
"""Buffers that are used again are up to twice as large as what lies in them."""


def estimate(
    architecture: Architecture,
    shape: LoraConfig,
    *,
    rows: int,
    sequence: int,
    file_bytes: int,
    keep: int,
) -> MemoryPlan:
    """What a micro-batch of that many rows takes, at most: every position supervised.

    Args:
        file_bytes: of the base's tensors in its file.
        keep: blocks whose insides are kept for the way back.
    """
    a = architecture
    tokens = rows * -(-sequence // 32) * 32
    queries, keys = a.heads * a.head, a.key_value_heads * a.head
    rank = -(-shape.rank // 4) * 4
    sides = shape.numbers(a)
    outs = sum(out for out, _ in a.matrices.values())
    inside = 7 * a.width + 4 * queries + 4 * keys + 3 * a.feed_forward + 12 * rank
    scores = tokens * sequence * a.heads * 4
    # Scores of many chunks are never kept.
    kept = keep * (tokens * inside * 4 + (scores if scores <= SCORES else 0))
    # A block on its way back has its insides, gradients at them, and scores with theirs.
    block = tokens * (2 * inside + 4 * a.width) * 4 + 2 * min(scores, SCORES)
    inputs = tokens * (a.layers + 2) * a.width * 4
    largest = max(2 * a.feed_forward, queries + 2 * keys) * a.width
    logits = min(LOGITS, min(tokens, MOST) * a.vocabulary * 4)
    return MemoryPlan(
        base=file_bytes,
        block=2 * min(SCRATCH, largest * 4) + PARTS,
        adapter=(sides * 4 + a.layers * outs * 3 * rank) * 4,
        activations=int(SLACK * (inputs + kept + block)),
        head=logits + 2 * min(SCRATCH, a.vocabulary * a.width * 4),
    )


def most(
    architecture: Architecture,
    shape: LoraConfig,
    *,
    rows: int,
    sequence: int,
    file_bytes: int,
    free: float,
) -> tuple[int, MemoryPlan]:
    """The most blocks that can keep their insides, and what that takes; none if nothing fits."""
    for keep in reversed(range(architecture.layers + 1)):
        found = estimate(
            architecture, shape, rows=rows, sequence=sequence, file_bytes=file_bytes, keep=keep
        )
        if found.total <= free:
            break
    return keep, found
