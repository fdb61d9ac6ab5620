"""Training on the processor against the processor's own matrix speed.

``python -m bench.cpu_training BASE.gguf [TOKENS ...]`` makes steps of one row of each length, all
supervised, and measures large products of the base's shapes in between, in the same process: what
is told is the share of that speed at which a step's products would take the time that it took. A
step multiplies each matrix three times (forward, once more for the gradients, and towards its
input), and the head twice.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch

from ingle.models.gguf import read_header
from ingle.training.architecture import Architecture
from ingle.training.batch import Batch
from ingle.training.lora import LoraConfig, fresh
from ingle.training.pytorch.executor import TorchExecutor
from ingle.training.step import Step

STEPS = 7
LENGTHS = (64, 256, 512)


def matrix_speed(rows: int, columns: int, count: int) -> float:
    """Operations a second of a product of 32-bit numbers."""
    x, matrix = torch.randn(count, columns), torch.randn(rows, columns)
    times = []
    for _ in range(STEPS):
        began = time.perf_counter()
        x @ matrix.T
        times.append(time.perf_counter() - began)
    return 2 * rows * columns * count / statistics.median(times)


def operations(a: Architecture) -> float:
    """Of one token's products in a step."""
    blocks = a.layers * sum(rows * columns for rows, columns in a.matrices.values())
    return 2.0 * (3 * blocks + 2 * a.vocabulary * a.width)


def main() -> None:
    """A line of JSON for each length."""
    path = Path(sys.argv[1])
    architecture, shape = Architecture.of(read_header(path)), LoraConfig()
    executor = TorchExecutor(
        path, shape, fresh(shape, architecture, seed=0), device=torch.device("cpu")
    )
    step = Step(executor)
    largest = max(architecture.matrices.values(), key=lambda size: size[0] * size[1])
    for length in map(int, sys.argv[2:] or map(str, LENGTHS)):
        tokens = np.random.default_rng(1).integers(0, architecture.vocabulary, (1, length))
        given = Batch(tokens, np.roll(tokens, -1, 1), np.arange(length)[None])
        step.accumulate(given)
        step.update(1e-4)
        times, speeds = [], []
        for _ in range(STEPS):
            began = time.perf_counter()
            step.accumulate(given)
            step.update(1e-4)
            times.append(time.perf_counter() - began)
            speeds.append(matrix_speed(*largest, length))
        seconds, speed = statistics.median(times) / length, statistics.median(speeds)
        found = {
            "tokens": length,
            "ms_per_token": round(seconds * 1e3, 3),
            "matrix_gflops": round(speed / 1e9, 1),
            "share_of_matrix_speed": round(operations(architecture) / seconds / speed, 3),
            "threads": torch.get_num_threads(),
        }
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
