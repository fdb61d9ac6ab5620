"""Stage 5, instruct: conversations, the loss on the answers alone, some documentation among them.

Conversations are packed whole into rows of the context's length. They can see those before them
in their row; a mask would be exact, and made no measurable difference worth its cost here.
"""

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from . import chat, model, pretrain, tasks, tokenizer
from .scale import Scale

DOCUMENT_SHARE = 0.06  # rows of documentation, so that what was read is not forgotten
Encoded = tuple[NDArray[np.uint16], NDArray[np.bool_]]
SHARED: dict[str, tasks.Facts | Path] = {}  # what forked workers inherit instead of receive


def encode_chunk(indices: range) -> list[Encoded]:
    facts, folder = SHARED["facts"], SHARED["folder"]
    assert isinstance(facts, tasks.Facts) and isinstance(folder, Path)
    encoder = tokenizer.load(folder)
    found = []
    for index in indices:
        prompt, answer = chat.render(tasks.generate(facts, "train", index))
        before, after = encoder.encode(prompt).ids, encoder.encode(answer + "\n").ids
        trained = np.zeros(len(before) + len(after), dtype=np.bool_)
        trained[len(before) : -1] = True  # the line break after <|im_end|> is the template's
        found.append((np.array([*before, *after], dtype=np.uint16), trained))
    return found


def encode_conversations(scale: Scale, folder: Path) -> Encoded:
    """Rows of tokens, and which of them are trained on."""
    SHARED.update(facts=tasks.load_facts(folder), folder=folder)
    workers = os.cpu_count() or 1
    size = max(1, min(5000, scale.conversations // workers))
    chunks = [
        range(i, min(i + size, scale.conversations)) for i in range(0, scale.conversations, size)
    ]
    width = scale.context + 1
    tokens = np.zeros((1, 0), dtype=np.uint16)
    rows: list[NDArray[np.uint16]] = []
    masks: list[NDArray[np.bool_]] = []
    row, mask, filled = np.zeros(width, np.uint16), np.zeros(width, np.bool_), 0
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for chunk in pool.imap(encode_chunk, chunks):
            for tokens, trained in chunk:
                if len(tokens) > width:
                    continue
                if filled + len(tokens) > width:
                    rows.append(row)
                    masks.append(mask)
                    row, mask, filled = np.zeros(width, np.uint16), np.zeros(width, np.bool_), 0
                row[filled : filled + len(tokens)] = tokens
                mask[filled : filled + len(tokens)] = trained
                filled += len(tokens)
    rows.append(row)
    masks.append(mask)
    return np.stack(rows), np.stack(masks)


def batches(scale: Scale, folder: Path, size: int) -> tuple[Callable[[int], pretrain.Batch], int]:
    rows, masks = encode_conversations(scale, folder)
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
        loss = pretrain.held_out_loss(
            network, np.load(folder / "documents-validation.npy"), scale
        )
        print(f"instruct: validation loss of documents {loss:.4f} nats/token")
    return done
