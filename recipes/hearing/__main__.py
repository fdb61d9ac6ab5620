"""python -m recipes.hearing OUT [--steps N] [--clips N]

Trains a model that answers questions about spoken digits, from nothing, and writes it as llama.cpp
reads it: OUT/hearing.gguf and OUT/mmproj-hearing.gguf. Says how many of the answers about held-out
clips are right. Seven minutes of one core; the same seed makes the same clips.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from ..ember.optimizer import Optimizer, schedule
from ..shapes.__main__ import RATES, side_by_side
from .conversations import Conversation, conversations, vocabulary
from .export import write
from .network import Batch, Hearing

BATCH = 48
HELD_OUT = 20_000_000
"""The seed of the clips that are not trained on."""


def batch(chosen: list[Conversation]) -> Batch:
    """Conversations about clips of as many seconds, filled up to the longest."""
    tokens, labels = side_by_side([(each.tokens, each.labels) for each in chosen])
    return Batch(
        torch.from_numpy(np.stack([each.spectra for each in chosen])),
        torch.tensor([word for each in chosen for word in each.words]),
        torch.tensor([len(each.words) for each in chosen]),
        tokens,
        labels,
    )


def by_length(data: list[Conversation]) -> list[list[Conversation]]:
    """Conversations apart by how many seconds their clips have."""
    found: dict[int, list[Conversation]] = defaultdict(list)
    for each in data:
        found[each.seconds].append(each)
    return list(found.values())


def train(data: list[Conversation], words: int, steps: int) -> Hearing:
    torch.set_num_threads(1)  # steps are small: several threads wait for each other
    torch.manual_seed(0)
    rng = random.Random(0)
    network = Hearing(words)
    optimizer = Optimizer(network, RATES)
    groups = by_length(data)
    sizes = [len(group) for group in groups]
    start = time.process_time()
    for step in range(steps):
        (group,) = rng.choices(groups, sizes)
        answering, hearing, right = network.loss(batch(rng.sample(group, min(BATCH, len(group)))))
        (answering + hearing).backward()
        optimizer.step(schedule(step / steps))
        if step % 50 == 49:
            spent = time.process_time() - start
            print(
                f"step {step + 1}: {answering:.3f}, {hearing:.3f}, "
                f"{right.float().mean():.3f}, {spent:.0f} s",
                flush=True,
            )
    return network.eval()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--clips", type=int, default=16_000)
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    tokenizer = vocabulary()
    data = conversations(tokenizer, chosen.clips, 0)
    print(f"{len(data)} conversations", flush=True)
    network = train(data, tokenizer.get_vocab_size(), chosen.steps)
    torch.save(network.state_dict(), chosen.out / "hearing.pt")
    with torch.no_grad():
        held_out = by_length(conversations(tokenizer, 500, HELD_OUT))
        right = torch.cat([network.loss(batch(group))[2] for group in held_out])
    print(f"held out: {right.float().mean():.4f} of the answers' tokens are right")
    for path in write(network, tokenizer, chosen.out):
        print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
