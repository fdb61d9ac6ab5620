"""How many examples a step learns from, and how many steps there are: what a plan leaves open
follows from the data.

An adapter learns from the number of its steps more than from the number of rows: thirty short
chats packed into two rows, three times over, are one step of eight rows, which teaches nothing.
A small data set is therefore learnt in more and smaller steps.
"""

from __future__ import annotations

import math

import msgspec

from ingle.training.dataset import DatasetSummary
from ingle.training.run_plan import RunPlan

STEPS = 40
"""Of a run whose plan does not say otherwise, at least."""
TOO_FEW = 30
"""With fewer steps an adapter learns little or nothing, at usual learning rates."""
EPOCHS = 3.0
ROWS = 8
"""Of a step, where there is enough data to fill them."""


def fixed(plan: RunPlan) -> RunPlan:
    """A plan whose steps do not follow from the data: of rewards, and of pairs of answers."""
    return msgspec.structs.replace(
        plan, batch_size=plan.batch_size or ROWS, epochs=plan.epochs or EPOCHS
    )


def following(plan: RunPlan, data: DatasetSummary) -> RunPlan:
    """A plan with what it leaves open: ``batch_size`` and ``epochs``.

    Large data sets fill eight packed rows in each step. Of smaller ones a step takes so few
    examples that there are 40 steps; of the smallest, more epochs are made. Each of TRL's processes
    takes as much of a step as the others.
    """
    epochs = plan.epochs or EPOCHS
    full = epochs * data.tokens / plan.max_length / ROWS
    if plan.batch_size:
        size, of_rows = plan.batch_size, False
    elif full >= STEPS:
        size, of_rows = ROWS, True
    else:
        size, of_rows = max(1, int(data.documents * epochs / STEPS)), False
    if plan.backend == "trl" and not plan.batch_size:
        processes = plan.nproc_per_node * plan.nnodes
        size = max(1, size // processes) * processes
    if not plan.epochs and not plan.max_steps and not of_rows:
        epochs = max(epochs, STEPS * size / data.documents)
    return msgspec.structs.replace(
        plan, batch_size=size, epochs=epochs, batch_of="rows" if of_rows else "examples"
    )


def remark(steps: int) -> str:
    """What to say of a run of so few steps; empty if they are enough."""
    if steps >= TOO_FEW:
        return ""
    return (
        f"; with fewer than about {TOO_FEW} steps an adapter learns little: "
        f"--max-steps {2 * TOO_FEW}"
    )


def steps(units: int, epochs: float, size: int) -> int:
    """Of so many epochs, each of so many examples or rows, of which a step takes ``size``."""
    # An epoch that was stretched to make whole steps must not make one more.
    return max(1, math.ceil(round(epochs * units / size, 6)))
