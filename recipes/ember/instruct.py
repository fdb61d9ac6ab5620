"""Stage 6, instruct: conversations, the loss on the answers alone, some documentation among them.

Conversations are packed whole into rows of the context's length, and can see those before them
in their row.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from . import model, pretrain
from .scale import Scale

DOCUMENT_SHARE = 0.08  # rows of documentation, so that what was read is not forgotten


def batches(scale: Scale, folder: Path, size: int) -> tuple[Callable[[int], pretrain.Batch], int]:
    rows = np.load(folder / "conversations.npy")
    masks = np.load(folder / "answers.npy")
    documents = np.load(folder / "documents-train.npy")
    width = scale.context + 1
    wanted = min(int(len(rows) * DOCUMENT_SHARE), len(documents) // width)
    rng = np.random.default_rng(1)
    starts = rng.choice(max(1, len(documents) // width), size=wanted, replace=False) * width
    extra = [documents[s : s + width] for s in starts]
    if extra:
        rows = np.concatenate([rows, np.stack(extra)])
        masks = np.concatenate([masks, np.ones((len(extra), width), np.bool_)])
    print(f"instruct: {rows.size} tokens in {len(rows)} rows, {masks.mean():.1%} of them trained")
    order = rng.permutation(len(rows))
    place = pretrain.device()
    row_tokens = torch.from_numpy(rows.astype(np.int32)).to(place)
    row_masks = torch.from_numpy(masks).to(place)

    def batch(step: int) -> pretrain.Batch:
        chosen = order[np.arange(step * size, (step + 1) * size) % len(order)]
        index = torch.from_numpy(chosen).to(place)
        picked = row_tokens[index].long()
        labels = picked.masked_fill(~row_masks[index], -100)
        return picked[:, :-1], labels[:, 1:]

    return batch, len(rows)


def run(scale: Scale, folder: Path, minutes: float = math.inf) -> bool:
    """Write instructed.pt."""
    torch.manual_seed(1)
    torch.set_float32_matmul_precision("high")
    size = max(1, scale.batch * scale.sequence // scale.context)
    batch, rows = batches(scale, folder, size)
    network = model.load(folder / "pretrained.pt")
    steps = max(1, min(scale.instruct_tokens // (size * scale.context), rows // size))
    micro = max(1, scale.micro_batch * scale.sequence // scale.context)
    checkpoint = folder / "instruct.ckpt"
    done = pretrain.train(
        network, batch, steps, scale, checkpoint, rate=0.5, minutes=minutes, micro_batch=micro
    )
    if done:
        model.save(network, folder / "instructed.pt")
        loss = pretrain.held_out_loss(network, np.load(folder / "documents-validation.npy"), scale)
        print(f"instruct: validation loss of documents {loss:.4f} nats/token")
    return done
