"""A batch on the device, in buffers that the next batch of the same shape uses again."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingle.training.architecture import Architecture
from ingle.training.batch import IGNORE, Batch
from ingle.training.rope import frequencies
from ingle.training.vulkan.buffer_pool import Storage
from ingle.training.vulkan.formats import pack
from ingle.training.vulkan.pages import Layout, cut
from ingle.training.vulkan.vulkan_device import VulkanDevice
from ingle.training.vulkan.weights import EmbeddingTable

ROUND = 32
"""Positions are filled up to a multiple of this, so that few shapes occur."""
ROUND_CHOSEN = 64
NOWHERE = 0xFFFF_FFFF
"""A chosen place that is none: filling."""


class BatchSize(NamedTuple):
    """What a recording of the work on a batch depends on."""

    texts: int
    positions: int
    """With filling."""
    length: int
    """Without; dropout counts by it."""
    chosen: int
    train: bool


class VulkanInputs(NamedTuple):
    """What the parts of a step read."""

    size: BatchSize
    layout: Layout
    tokens: tuple[Storage, ...]
    """The rows of the embedding that are used, packed as in the file, by page."""
    planes: tuple[int, ...]
    turns: tuple[Storage, ...]
    """``[tokens, rotary / 2]`` cosines and sines, by page."""
    local_turns: tuple[Storage, ...]
    starts: Storage
    """The first position that each one sees, counted within its text."""
    local_starts: Storage
    chosen: Storage
    """Supervised places."""
    labels: Storage
    weights: Storage
    """Of the chosen, relative to ``weight``."""
    weight: Storage
    """What all losses and gradients are multiplied by."""
    seed: Storage
    """Of dropout, as every executor mixes it."""

    @property
    def length(self) -> int:
        """Positions of each text, without filling."""
        return self.size.length


class Uploader:
    """Brings batches to a device.

    Args:
        factors: of RoPE, where the base has some.
        widest: numbers of the longest row that any array of a token has.
    """

    def __init__(
        self,
        device: VulkanDevice,
        architecture: Architecture,
        table: EmbeddingTable,
        factors: NDArray[np.float32] | None,
        widest: int,
    ) -> None:
        self._device = device
        self._architecture = architecture
        self._table = table
        self._factors = factors
        self._widest = widest
        self._known: dict[BatchSize, VulkanInputs] = {}

    def upload(self, batch: Batch, *, seed: int, weight: float, train: bool) -> VulkanInputs:
        """A batch's inputs; those of the last batch of its size are overwritten."""
        size = size_of(batch, train)
        limit = self._device.max_buffer
        layout = cut(size.texts, size.positions, widest=self._widest, limit=limit)
        values = self._values(batch, size, seed, weight)
        paged, planes = self._paged(batch, size, layout)
        found = self._known.get(size)
        if found is None:
            made: dict[str, Any] = {
                name: Storage(self._device.upload(x)) for name, x in values.items()
            }
            for name, parts in paged.items():
                made[name] = tuple(Storage(self._device.upload(x)) for x in parts)
            found = VulkanInputs(size=size, layout=layout, planes=planes, **made)
            self._known[size] = found
            return found
        for name, x in values.items():
            self._device.write(getattr(found, name).buffer, x)
        for name, parts in paged.items():
            for storage, x in zip(getattr(found, name), parts, strict=True):
                self._device.write(storage.buffer, x)
        return found

    def _paged(
        self, batch: Batch, size: BatchSize, layout: Layout
    ) -> tuple[dict[str, list[NDArray[np.generic]]], tuple[int, ...]]:
        """What has a row for each token, by page, and where each page's plane of scales begins."""
        more = ((0, 0), (0, size.positions - size.length))
        tokens = np.pad(batch.tokens, more).reshape(-1)
        positions = np.pad(batch.positions, more).reshape(-1)
        found: dict[str, list[NDArray[np.generic]]] = {
            name: [] for name in ("tokens", "turns", "local_turns")
        }
        planes = []
        for page in layout.pages:
            here = slice(page.first, page.first + page.rows)
            words, plane = pack(self._table.kind, self._table.data[tokens[here]])
            places = positions[here]
            local = places if self._architecture.window else places[:1]
            found["tokens"].append(words)
            found["turns"].append(self._turns(places, local=False))
            found["local_turns"].append(self._turns(local, local=True))
            planes.append(plane)
        return found, tuple(planes)

    def _values(
        self, batch: Batch, size: BatchSize, seed: int, weight: float
    ) -> dict[str, NDArray[np.generic]]:
        a, more = self._architecture, size.positions - size.length
        flat = np.pad(batch.labels, ((0, 0), (0, more)), constant_values=IGNORE).reshape(-1)
        chosen = np.flatnonzero(flat != IGNORE)
        weights = np.ones(len(chosen), dtype=np.float32)
        if batch.advantages is not None:
            weights = np.pad(batch.advantages, ((0, 0), (0, more))).reshape(-1)[chosen]
        filling = (0, size.chosen - len(chosen))
        starts = _starts(batch, size)
        window = np.arange(size.positions) - (a.window - 1 if a.window else size.positions)
        return {
            "starts": starts.astype(np.uint32),
            "local_starts": np.maximum(starts, window).astype(np.uint32),
            "chosen": np.pad(chosen, filling, constant_values=NOWHERE).astype(np.uint32),
            "labels": np.pad(flat[chosen], filling).astype(np.uint32),
            "weights": np.pad(weights, filling).astype(np.float32),
            "weight": np.array([weight], dtype=np.float32),
            "seed": np.array([seed * 1_000_003 * len(a.matrices) & 0xFFFF_FFFF], dtype=np.uint32),
        }

    def _turns(self, positions: NDArray[np.int64], *, local: bool) -> NDArray[np.float32]:
        factors = None if local else self._factors
        turns = frequencies(self._architecture, local=local, factors=factors)
        angles = positions.reshape(-1, 1) * turns
        magnitude = 1.0 if local else self._architecture.scaling.magnitude
        return np.stack((np.cos(angles), np.sin(angles)), axis=-1).astype(np.float32) * np.float32(
            magnitude
        )


def size_of(batch: Batch, train: bool) -> BatchSize:
    """The size that a batch has with its filling."""
    texts, length = batch.tokens.shape
    chosen = -(-max(1, batch.supervised) // ROUND_CHOSEN) * ROUND_CHOSEN
    return BatchSize(texts, -(-length // ROUND) * ROUND, length, chosen, train)


def _starts(batch: Batch, size: BatchSize) -> NDArray[np.int64]:
    """Where the document of each position begins; filling sees itself alone."""
    documents = batch.documents
    if documents is None:
        documents = np.zeros_like(batch.tokens)
    new = np.ones((size.texts, size.positions), dtype=np.bool_)
    new[:, 1 : size.length] = documents[:, 1:] != documents[:, :-1]
    places = np.where(new, np.arange(size.positions), 0)
    return np.maximum.accumulate(places, axis=1)
