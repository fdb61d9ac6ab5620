"""How the learning rate goes: up in the warm-up, then constant, or down in a line or a cosine."""

from __future__ import annotations

import math
from typing import Literal

Kind = Literal["constant", "linear", "cosine"]


def warmup(steps: int, *, warmup_steps: int, warmup_ratio: float) -> int:
    """Warm-up steps of a run of that many steps; a ratio is rounded up, as by transformers."""
    return min(steps, math.ceil(steps * warmup_ratio) if warmup_ratio else warmup_steps)


def share(kind: Kind, step: int, steps: int, warmup_steps: int) -> float:
    """The share of the highest rate at a step (from 0). It may be 0; that is not an error."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(1, steps - warmup_steps)
    if kind == "linear":
        return max(0.0, 1 - done)
    if kind == "cosine":
        return (1 + math.cos(math.pi * min(1.0, done))) / 2
    return 1.0
