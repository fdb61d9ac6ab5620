"""Will a plan work on its base, and in the memory there is? Asked before any work is done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ingle.errors import InvalidRequest
from ingle.models.gguf import read_header
from ingle.training import base_types, memory_plan
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
        plan.lora_rank,
        plan.lora_alpha or 2.0 * plan.lora_rank,
        plan.matrices or TARGETS,
        plan.use_rslora,
        plan.lora_dropout,
    )


def check(plan: RunPlan, micro_batch_size: int) -> None:
    """Refuse what cannot work.

    Args:
        micro_batch_size: rows that are worked on at once.

    Raises:
        CapabilityMissing, BadModelFile: the base.
        InvalidRequest: the adapter's shape, or rows longer than the base can read.
        DoesNotFit: too much memory; the hint is what would fit.
    """
    check_shape(plan)
    check_memory(plan, micro_batch_size)


def check_shape(plan: RunPlan) -> None:
    """Raises as `check`, but for the memory: what holds on any device."""
    header = read_header(Path(plan.base))
    architecture = Architecture.of(header)
    base_types.check(header)
    shape_of(plan).check(architecture)
    check_sequence(plan, architecture)


def check_rewards(plan: RunPlan) -> None:
    """Raises InvalidRequest: a reward is none, or answers leave no room for a prompt."""
    for spec in plan.reward_funcs:
        rewards.parse(spec)
    if plan.reward_funcs and plan.max_completion_length >= plan.max_length:
        raise InvalidRequest(
            f"answers of up to {plan.max_completion_length} tokens leave no room for a prompt in "
            f"rows of {plan.max_length}",
            hint="raise --max-length, or lower --max-completion-length",
            field="max_completion_length",
        )


def check_sequence(plan: RunPlan, architecture: Architecture) -> None:
    """Raises InvalidRequest: rows are longer than what the base was trained for."""
    if plan.max_length > architecture.context:
        raise InvalidRequest(
            f"max_length: {plan.max_length} tokens are more than the {architecture.context} "
            f"that {plan.model} was trained for",
            hint=f"--max-length {architecture.context}",
            field="max_length",
        )


def check_memory(plan: RunPlan, micro_batch_size: int) -> None:
    """Raises DoesNotFit: it does not fit into what is free now; the hint is what would."""
    for device in dict.fromkeys(plan.devices):
        sharing = plan.devices.count(device)
        _check_device(plan, micro_batch_size, device, memory_plan.available(device) // sharing)


def _check_device(plan: RunPlan, micro_batch_size: int, device: str, free: int) -> None:
    def needs(rows: int, sequence: int) -> int:
        return choose_option(
            Path(plan.base), shape_of(plan), device=device, dtype=plan.dtype, rows=rows,
            sequence=sequence, free=free, eight_bit=plan.eight_bit,
        ).needs.total  # fmt: skip

    wanted = needs(micro_batch_size, plan.max_length)
    if wanted <= free:
        return
    hint = "a smaller base, or one in fewer bits, such as Q4_K_M"
    for rows, sequence in _smaller(micro_batch_size, plan.max_length):
        if needs(rows, sequence) <= free:
            hint = f"the same command with --micro-batch-size {rows}"
            if sequence != plan.max_length:
                hint += f" --max-length {sequence}"
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
