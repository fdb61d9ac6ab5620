"""How the learning rate goes: up in the warm-up, then constant, or down in a line or a cosine."""

from __future__ import annotations

import math
from typing import Literal

Kind = Literal["constant", "linear", "cosine"]


def share(kind: Kind, step: int, steps: int, warm_up: int) -> float:
    """The share of the highest rate at a step (from 0). It may be 0; that is not an error."""
    if step < warm_up:
        return (step + 1) / warm_up
    done = (step - warm_up) / max(1, steps - warm_up)
    if kind == "linear":
        return max(0.0, 1 - done)
    if kind == "cosine":
        return (1 + math.cos(math.pi * min(1.0, done))) / 2
    return 1.0
