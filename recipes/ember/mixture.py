"""Mixture: what a training step reads, documents and conversations side by side.

A micro-batch is of one kind, and a step's loss is the mean over its micro-batches: so answers,
which are few tokens of a conversation, weigh as much as the documents beside them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from . import encode, parallel
from .loop import device
from .scale import Scale

Batch = list[tuple[Tensor, Tensor]]  # inputs and labels of each micro-batch
WAIT_SECONDS = 300


def moved(tensor: Tensor) -> Tensor:
    """On the device; a GPU need not stop for it."""
    place = device()
    return tensor.pin_memory().to(place, non_blocking=True) if place.type == "cuda" else tensor


def awaited(path: Path) -> Path:
    """The path, once the encode stage, which may still be running, has written it."""
    waited = 0.0
    while not path.exists():
        if waited > WAIT_SECONDS:
            raise FileNotFoundError(f"the encode stage has not written {path}")
        time.sleep(0.2)
        waited += 0.2
    return path


class Documents:
    """Windows of one stream of tokens: each of an epoch once, in an order that the seed fixes."""

    def __init__(self, tokens: NDArray[np.uint16], length: int, seed: int) -> None:
        self.stream = torch.from_numpy(tokens.astype(np.int32)).to(device())
        self.length = min(length, len(tokens) // 2 - 1)
        self.count = (len(tokens) - 1) // self.length - 1
        self.seed = seed
        self.orders: dict[int, tuple[NDArray[np.int64], int]] = {}
        self.offsets = torch.arange(self.length + 1, device=self.stream.device)

    def rows(self, first: int, count: int) -> tuple[Tensor, Tensor]:
        starts = []
        for index in range(first, first + count):
            epoch, place = divmod(index, self.count)
            if epoch not in self.orders:
                rng = np.random.default_rng((self.seed, epoch))
                self.orders[epoch] = (rng.permutation(self.count), int(rng.integers(self.length)))
            order, shift = self.orders[epoch]
            starts.append(int(order[place]) * self.length + shift)
        begin = torch.tensor(starts, device=self.stream.device)
        rows = self.stream[begin[:, None] + self.offsets].long()
        return rows[:, :-1], rows[:, 1:]


class Conversations:
    """Packed conversations, shard by shard, while the encode stage may still be writing them."""

    def __init__(self, folder: Path, stage: str) -> None:
        self.folder, self.stage = folder, stage
        counts = json.loads(awaited(folder / "conversations" / "counts.json").read_text())
        self.shards: int = counts[stage]
        self.number = self.begins = 0  # the shard in memory, and the index of its first row
        self.rows_of, self.masks_of = self.read(0)

    def read(self, number: int) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
        path = awaited(encode.shard_path(self.folder, self.stage, number % self.shards))
        with np.load(path) as saved:
            rows = saved["rows"]
            masks = np.unpackbits(saved["masks"], axis=1, count=rows.shape[1]).astype(np.bool_)
        return rows, masks

    def rows(self, first: int, count: int) -> tuple[Tensor, Tensor]:
        """Rows `first` and following; asked for in rising order."""
        tokens, masks = [], []
        while count:
            while first >= self.begins + len(self.rows_of):
                self.begins += len(self.rows_of)
                self.number += 1
                self.rows_of, self.masks_of = self.read(self.number)
            part = slice(first - self.begins, first - self.begins + count)
            tokens.append(self.rows_of[part])
            masks.append(self.masks_of[part])
            first, count = first + len(tokens[-1]), count - len(tokens[-1])
        rows = moved(torch.from_numpy(np.concatenate(tokens).astype(np.int64)))
        mask = moved(torch.from_numpy(np.concatenate(masks)))
        return rows[:, :-1], rows.masked_fill(~mask, -100)[:, 1:]


def micro_rows(scale: Scale, length: int, rows: tuple[int, int]) -> int:
    """Rows of a micro-batch, of all processes together."""
    micro = scale.micro_batch // length * parallel.world()
    return max(1, min(micro, *(count for count in rows if count)))


def batches(
    scale: Scale, folder: Path, stage: str, length: int, rows: tuple[int, int]
) -> Callable[[int], Batch]:
    """Batch number `step`: `rows` of documents and of conversations, cut into micro-batches."""
    tokens = np.load(awaited(folder / "documents-train.npy"))
    documents = Documents(tokens, length, seed=len(stage))
    conversations = Conversations(folder, stage)
    micro = micro_rows(scale, length, rows)

    def batch(step: int) -> Batch:
        made: Batch = []
        for source, count in zip((documents, conversations), rows, strict=True):
            for first in range(step * count, (step + 1) * count, micro):
                size = min(micro, (step + 1) * count - first)
                share = max(1, size // parallel.world())
                own = first + parallel.rank() * share
                made.append(source.rows(own, share))  # type: ignore[attr-defined]
        return made

    return batch
