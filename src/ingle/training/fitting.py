"""Will a plan work on its base, and in the memory there is? Asked before any work is done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ingle.errors import InvalidRequest
from ingle.models.gguf import read_header
from ingle.training import memory_plan
from ingle.training.architecture import Architecture
from ingle.training.devices import choose_option
from ingle.training.lora import TARGETS, LoraConfig
from ingle.training.reinforcement import rewards
from ingle.training.run_plan import RunPlan

SHORTEST = 32
"""Tokens of a row; rows that are shorter are not useful."""


def shape_of(plan: RunPlan) -> LoraConfig:
    """The adapter that a plan asks for."""
    return LoraConfig(
        plan.rank,
        plan.alpha or 2.0 * plan.rank,
        plan.targets or TARGETS,
        plan.rank_stabilised,
        plan.dropout,
    )


def check(plan: RunPlan, micro_rows: int) -> None:
    """Refuse what cannot work.

    Args:
        micro_rows: rows that are worked on at once.

    Raises:
        CapabilityMissing, BadModelFile: the base.
        InvalidRequest: the adapter's shape, or rows longer than the base can read.
        DoesNotFit: too much memory; the hint is what would fit.
    """
    check_shape(plan)
    check_memory(plan, micro_rows)


def check_shape(plan: RunPlan) -> None:
    """Raises as `check`, but for the memory: what holds on any device."""
    architecture = Architecture.of(read_header(Path(plan.base)))
    shape_of(plan).check(architecture)
    check_sequence(plan, architecture)


def check_rewards(plan: RunPlan) -> None:
    """Raises InvalidRequest: a reward is none, or answers leave no room for a prompt."""
    for spec in plan.rewards:
        rewards.parse(spec)
    if plan.rewards and plan.max_tokens >= plan.sequence:
        raise InvalidRequest(
            f"answers of up to {plan.max_tokens} tokens leave no room for a prompt in rows of "
            f"{plan.sequence}",
            hint="raise --sequence, or lower --max-tokens",
            field="max_tokens",
        )


def check_sequence(plan: RunPlan, architecture: Architecture) -> None:
    """Raises InvalidRequest: rows are longer than what the base was trained for."""
    if plan.sequence > architecture.context:
        raise InvalidRequest(
            f"sequence: {plan.sequence} tokens are more than the {architecture.context} "
            f"that {plan.model} was trained for",
            field="sequence",
        )


def check_memory(plan: RunPlan, micro_rows: int) -> None:
    """Raises DoesNotFit: it does not fit into what is free now; the hint is what would."""
    for device in dict.fromkeys(plan.devices):
        sharing = plan.devices.count(device)
        _check_device(plan, micro_rows, device, memory_plan.available(device) // sharing)


def _check_device(plan: RunPlan, micro_rows: int, device: str, free: int) -> None:
    def needs(rows: int, sequence: int) -> int:
        return choose_option(
            Path(plan.base), shape_of(plan), device=device, dtype=plan.dtype, rows=rows,
            sequence=sequence, free=free, eight_bit_moments=plan.eight_bit_moments,
        ).needs.total  # fmt: skip

    wanted = needs(micro_rows, plan.sequence)
    if wanted <= free:
        return
    hint = "a smaller base, or one in fewer bits, such as Q4_K_M"
    for rows, sequence in _smaller(micro_rows, plan.sequence):
        if needs(rows, sequence) <= free:
            hint = f"the same command with --micro-rows {rows}"
            if sequence != plan.sequence:
                hint += f" --sequence {sequence}"
            break
    raise memory_plan.too_large(wanted, free, hint=hint, device=device)


def _smaller(rows: int, sequence: int) -> Iterator[tuple[int, int]]:
    """Fewer rows at once, which change nothing but the speed; then shorter ones."""
    while rows > 1:
        rows //= 2
        yield rows, sequence
    while sequence // 2 >= SHORTEST:
        sequence //= 2
        yield rows, sequence
