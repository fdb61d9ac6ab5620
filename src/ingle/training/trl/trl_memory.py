"""What a run by TRL will need of memory, before any of its processes starts.

From sizes alone, and at most: every row is full. Constants are measured (docs/log.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from ingle.models.gguf import read_header
from ingle.training import fitting, memory_plan
from ingle.training.architecture import Architecture
from ingle.training.run_plan import RunPlan
from ingle.training.trl.placement import Placement, portions

PROGRAM = 500 * 2**20
"""A process with torch, transformers and TRL in it; on a graphics device, its context there."""
LAUNCHER = 200 * 2**20
"""``accelerate launch``."""
LIVE = (14, 4, 3)
"""Tensors that transformers keeps of a block, as in `ingle.training.memory_plan`."""
SPARE = 1.25
"""Of what a block keeps: the allocator leaves room unused between tensors that come and go."""
TILE = (4096, 32768)
"""Positions and logits that TRL's head works on at once."""
TILES = 4
"""Of such a size, at once."""
PAIR = 2.5
"""Numbers' worth of bytes for each pair of positions of a packed batch: which sees which."""


class TrlMemoryPlan(NamedTuple):
    """Bytes of one process, by what takes them."""

    weights: int
    """The base, in the numbers that it is loaded in; with pairs, a whole model twice."""
    learnt: int
    """Gradients and the optimiser's two moments; of an adapter, its numbers, too."""
    activations: int
    head: int
    """Logits, a part at a time."""
    answers: int
    """Keys, values and logits of the answers that are sampled at once."""

    @property
    def total(self) -> int:
        """All of it, with the program itself. Answers are sampled before any are learnt from."""
        at_work = max(self.activations + self.head, self.answers)
        return PROGRAM + self.weights + self.learnt + at_work


def estimate(architecture: Architecture, plan: RunPlan, placement: Placement) -> TrlMemoryPlan:
    """What one process takes at most, on its device."""
    a = architecture
    micro, accumulation = portions(plan, placement)
    half = placement.bfloat16
    each = 2 if half else 4
    shared = placement.world if placement.sharded else 1
    if plan.full:
        weights, learnt = a.parameters * 4 // shared, a.parameters * 4 * 3 // shared
        if plan.learns == "dpo":
            weights *= 2  # what it began as is the reference; without an adapter it is the same
        # Casts to 16 bits are kept for the backward pass; of what is shared out, a block is whole.
        weights += a.parameters * 2 if half and not placement.sharded else 0
        weights += _largest(a) * 4 if placement.sharded else 0
    else:
        numbers = fitting.shape_of(plan).numbers(a)
        weights, learnt = a.parameters * each, numbers * 4 * 4
    sequences = micro * (2 if plan.learns == "dpo" else 1)
    tokens = sequences * plan.max_length
    widths = (a.width, a.feed_forward, (a.heads + 2 * a.key_value_heads) * a.head)
    inside = sum(count * width for count, width in zip(LIVE, widths, strict=True))
    kept = a.layers if placement.cpu else 1  # elsewhere blocks are computed twice
    # Examples of several rows lie in one line, and which sees which is said pair by pair.
    pairs = tokens * tokens * PAIR if plan.learns == "sft" else 0.0
    blocks = tokens * (a.layers * a.width + kept * inside)
    return TrlMemoryPlan(
        weights=weights,
        learnt=learnt,
        activations=int((SPARE * blocks + pairs) * each),
        head=TILES * min(tokens, TILE[0]) * min(a.vocabulary, TILE[1]) * 4,
        answers=_answers(a, plan, micro * accumulation, each) if plan.learns == "grpo" else 0,
    )


def needed(plan: RunPlan, placement: Placement) -> int:
    """Bytes of a device that takes part; of the main memory, for all processes, if they compute
    on the processor.

    Raises:
        CapabilityMissing, BadModelFile: the base.
    """
    return _needed(Architecture.of(read_header(Path(plan.base))), plan, placement)


def check(plan: RunPlan, placement: Placement, free: int) -> None:
    """Refuse what will not fit.

    Args:
        free: bytes of what `needed` speaks of.

    Raises:
        DoesNotFit: the hint is what would.
        CapabilityMissing, BadModelFile: the base.
    """
    architecture = Architecture.of(read_header(Path(plan.base)))
    wanted = _needed(architecture, plan, placement)
    if wanted <= free:
        return
    hint = "a smaller base"
    for changed, words in _smaller(plan):
        place = placement._replace(full=changed.full)
        if _needed(architecture, changed, place) <= free:
            hint = f"the same command {words}"
            break
    raise memory_plan.too_large(wanted, free, hint=hint, device=plan.device)


def check_loading(plan: RunPlan, placement: Placement, free: int) -> None:
    """Refuse what graphics devices have room for, and the main memory on the way there has not.

    Args:
        free: bytes of the main memory.

    Raises:
        DoesNotFit: each process reads the whole base before it hands it on.
    """
    architecture = Architecture.of(read_header(Path(plan.base)))
    each = architecture.parameters * (4 if plan.full or not placement.bfloat16 else 2)
    wanted = placement.processes * (each + PROGRAM) + LAUNCHER
    if not placement.cpu and wanted > free:
        hint = (
            "fewer --nproc-per-node, or a smaller base"
            if plan.nproc_per_node > 1
            else "a smaller base"
        )
        raise memory_plan.too_large(wanted, free, hint=hint, device="cpu")


def _needed(architecture: Architecture, plan: RunPlan, placement: Placement) -> int:
    each = estimate(architecture, plan, placement).total
    return each * placement.processes + LAUNCHER if placement.cpu else each


def _answers(a: Architecture, plan: RunPlan, count: int, each: int) -> int:
    """Of answers that are sampled at once: all of a step's, whatever is learnt from at once."""
    caches = 2 * a.layers * a.key_value_heads * a.head * plan.max_length * each
    return count * (caches + 3 * a.vocabulary * 4)


def _largest(a: Architecture) -> int:
    """Numbers of the largest part that is whole in each process: the head, or a block."""
    block = sum(out * into for out, into in a.matrices.values())
    return max(2 * block, a.vocabulary * a.width)


def _smaller(plan: RunPlan) -> Iterator[tuple[RunPlan, str]]:
    """Plans that take less, and what of the command they change: first what only costs time."""

    def changed(words: str, **fields: object) -> tuple[RunPlan, str]:
        return msgspec.structs.replace(plan, **fields), words

    rows = plan.micro_batch_size
    while rows > 1:
        rows //= 2
        yield changed(f"with --micro-batch-size {rows}", micro_batch_size=rows)
    rows = plan.batch_size if plan.learns == "grpo" else 1
    while rows > 1:
        rows //= 2
        if rows * plan.num_generations % (plan.nproc_per_node * plan.nnodes) == 0:
            yield changed(
                f"with --micro-batch-size 1 --batch-size {rows}",
                micro_batch_size=1,
                batch_size=rows,
            )
    sequence = plan.max_length // 2
    shortest = max(fitting.SHORTEST, plan.max_completion_length + 1 if plan.learns == "grpo" else 0)
    while sequence >= shortest:
        words = f"with --micro-batch-size 1 --max-length {sequence}"
        yield changed(words, micro_batch_size=1, max_length=sequence)
        sequence //= 2
    if plan.full:
        yield changed("without --full", full=False)
        yield changed("without --full, with --micro-batch-size 1", full=False, micro_batch_size=1)
