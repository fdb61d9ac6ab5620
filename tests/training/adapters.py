"""An adapter that does something, and a batch to try it on: for every executor."""

from __future__ import annotations

import numpy as np

from ingle.training.architecture import Architecture
from ingle.training.batch import IGNORE, Batch
from ingle.training.executor import Numbers
from ingle.training.lora import LoraConfig, fresh
from tests.training.models import VOCABULARY

SHAPE = LoraConfig(rank=4, alpha=8.0)


def batch(length: int = 24, rows: int = 2) -> Batch:
    chance = np.random.default_rng(3)
    tokens = chance.integers(0, VOCABULARY, (rows, length))
    labels = np.roll(tokens, -1, 1)
    labels[:, : length // 2] = IGNORE
    labels[:, -1] = IGNORE
    return Batch(tokens, labels, np.broadcast_to(np.arange(length), (rows, length)))


def adapter(architecture: Architecture, shape: LoraConfig = SHAPE) -> Numbers:
    """One that does something: B is not zero."""
    numbers = fresh(shape, architecture, seed=1)
    chance = np.random.default_rng(2)
    for name, side in numbers.items():
        if name.endswith("lora_b"):
            side[:] = chance.standard_normal(side.shape) * 0.02
    return numbers
