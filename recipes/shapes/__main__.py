"""python -m recipes.shapes OUT [--steps N] [--drawings N]

Trains a model that answers questions about drawn shapes, from nothing, and writes it as llama.cpp
reads it: OUT/shapes.gguf and OUT/mmproj-shapes.gguf. Says how many questions about held-out
drawings it answers right. Ten minutes on two cores; the same seed draws the same drawings.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..ember.optimizer import Optimizer, schedule
from .conversations import Conversation, conversations, vocabulary
from .export import write
from .network import Batch, Seeing

BATCH = 32


class Rates(NamedTuple):
    """Of learning: of embeddings and norms, and of matrices."""

    adam_rate: float
    muon_rate: float


RATES = Rates(3e-3, 2e-2)
HELD_OUT = 20_000_000
"""The seed of the drawings that are not trained on."""


def batch(chosen: list[Conversation]) -> Batch:
    """Conversations side by side."""
    tokens, labels = side_by_side([(each.tokens, each.labels) for each in chosen])
    pixels = torch.from_numpy(np.concatenate([each.pixels for each in chosen]))
    centres = torch.from_numpy(np.concatenate([each.centres for each in chosen]))
    return Batch(pixels, centres, tokens, labels)


def side_by_side(chosen: list[tuple[list[int], list[int]]]) -> tuple[Tensor, Tensor]:
    """Tokens and labels of conversations, filled up to the longest."""
    length = max(len(tokens) for tokens, _ in chosen)
    every = torch.zeros(len(chosen), length, dtype=torch.long)
    labelled = torch.full((len(chosen), length), -100)
    for row, (tokens, labels) in enumerate(chosen):
        every[row, : len(tokens)] = torch.tensor(tokens)
        labelled[row, : len(labels)] = torch.tensor(labels)
    return every, labelled


def train(data: list[Conversation], words: int, steps: int) -> Seeing:
    torch.manual_seed(0)
    rng = random.Random(0)
    network = Seeing(words)
    optimizer = Optimizer(network, RATES)
    start = time.process_time()
    for step in range(steps):
        answering, seeing, right = network.loss(batch(rng.sample(data, BATCH)))
        loss = answering + seeing
        loss.backward()
        optimizer.step(schedule(step / steps))
        if step % 50 == 49:
            spent = time.process_time() - start
            print(
                f"step {step + 1}: {answering:.3f}, {seeing:.3f}, "
                f"{right.float().mean():.3f}, {spent:.0f} s",
                flush=True,
            )
    return network.eval()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--drawings", type=int, default=20_000)
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    tokenizer = vocabulary()
    data = conversations(tokenizer, chosen.drawings, 0)
    print(f"{len(data)} conversations", flush=True)
    network = train(data, tokenizer.get_vocab_size(), chosen.steps)
    torch.save(network.state_dict(), chosen.out / "shapes.pt")
    held_out = conversations(tokenizer, 1000, HELD_OUT)
    with torch.no_grad():
        parts = [network.loss(batch(held_out[at : at + 50]))[2] for at in range(0, 1000, 50)]
    print(f"held out: {torch.cat(parts).float().mean():.4f} of the answers' tokens are right")
    for path in write(network, tokenizer, chosen.out):
        print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
