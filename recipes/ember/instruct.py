"""Stage 6, instruct: mostly conversations, at the full context, while the rate falls to nothing.

Conversations are packed whole into rows of the context's length, the loss is on the answers alone.
Documentation stays among them, so that what was read is not forgotten.
"""

from __future__ import annotations

import math
from pathlib import Path

from . import loop, model, optimizer, pretrain
from .scale import Scale


def run(scale: Scale, folder: Path, minutes: float = math.inf, within: float = math.inf) -> bool:
    """Write instructed.pt."""
    loop.begin(seed=1)
    network = model.load(folder / "pretrained.pt")
    return pretrain.train(
        network, scale, folder, "instruct", tokens=scale.instruct_tokens, length=scale.context,
        rows=scale.instruct_rows, schedule=optimizer.falling, minutes=minutes, within=within,
    )  # fmt: skip
