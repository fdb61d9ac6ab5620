"""Stage 6, instruct: mostly conversations, at the full context, while the rate falls to nothing.

Conversations are packed whole into rows of the context's length, the loss is on the answers alone.
Documentation stays among them, so that what was read is not forgotten.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch

from . import model, optimizer, pretrain
from .scale import Scale


def run(scale: Scale, folder: Path, minutes: float = math.inf, within: float = math.inf) -> bool:
    """Write instructed.pt."""
    torch.manual_seed(1)
    torch.set_float32_matmul_precision("high")
    rows = scale.instruct_rows
    steps = max(1, scale.instruct_tokens // (sum(rows) * scale.context))
    network = model.load(folder / "pretrained.pt")
    done = pretrain.train(
        network, folder, "instruct", steps, scale, length=scale.context, rows=rows,
        schedule=optimizer.falling, minutes=minutes, within=within,
    )  # fmt: skip
    if done:
        model.finish(network, folder / "instructed.pt", folder / "instruct.ckpt")
        loss = pretrain.held_out_loss(network, np.load(folder / "documents-validation.npy"), scale)
        print(f"instruct: validation loss of documents {loss:.4f} nats/token")
    return done
