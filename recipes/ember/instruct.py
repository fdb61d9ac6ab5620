"""Stage 6, instruct: mostly conversations, at the full context, while the rate falls to nothing.

Conversations are packed whole into rows of the context's length, the loss is on the answers alone.
Documentation stays among them, so that what was read is not forgotten.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch

from . import mixture, model, optimizer, parallel, pretrain
from .scale import Scale


def run(scale: Scale, folder: Path, minutes: float = math.inf, within: float = math.inf) -> bool:
    """Write instructed.pt."""
    torch.manual_seed(1)
    torch.set_float32_matmul_precision("high")
    rows = scale.instruct_rows
    steps = max(1, scale.instruct_tokens // (sum(rows) * scale.context))
    batch = mixture.batches(scale, folder, "instruct", scale.context, rows)
    network = model.load(folder / "pretrained.pt")
    checkpoint = folder / "instruct.ckpt"
    done = pretrain.train(
        network, batch, steps, scale, checkpoint,
        schedule=optimizer.falling, minutes=minutes, within=within,
    )  # fmt: skip
    if done:
        if parallel.rank() == 0:
            model.save(network, folder / "instructed.pt")
        loss = pretrain.held_out_loss(network, np.load(folder / "documents-validation.npy"), scale)
        print(f"instruct: validation loss of documents {loss:.4f} nats/token")
    return done
