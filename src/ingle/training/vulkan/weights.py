"""The frozen base on the device: the file's bytes, packed into words."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingle.engines.llama.tensor_codec import numbers
from ingle.errors import BadModelFile
from ingle.models.gguf import Tensor, read_header
from ingle.models.tensor_types import TensorType
from ingle.training import base_types
from ingle.training.architecture import Architecture
from ingle.training.vulkan import formats, supported_blocks
from ingle.training.vulkan.buffer_pool import Array, Storage
from ingle.training.vulkan.compute_context import ComputeContext
from ingle.training.vulkan.vulkan_device import VulkanDevice


class MatrixRows(NamedTuple):
    """Some rows of a matrix, in one buffer."""

    start: int
    rows: int
    storage: Storage
    plane: int
    """Word where the scales begin."""


class Matrix(NamedTuple):
    """A matrix of the base, as packed words."""

    kind: TensorType
    rows: int
    columns: int
    parts: tuple[MatrixRows, ...]

    def dequantize(self, machine: ComputeContext, start: int, rows: int, to: Array) -> None:
        """Record: some of its rows as numbers into the first columns of an array.

        The array's rows are as long as the matrix's.
        """
        kernel = formats.dequantizing(self.kind, half=machine.device.halves)
        for part in self.parts:
            first = max(start, part.start)
            last = min(start + rows, part.start + part.rows)
            if first >= last:
                continue
            count = (last - first) * self.columns // 4
            places = {
                "skip": (first - part.start) * self.columns // 4,
                "at": (to.offset + (first - start) * self.columns) // 4,
                "plane": part.plane,
                "factor_f": 1.0,
            }
            machine.each(kernel, [part.storage, to], count, places)


class EmbeddingTable(NamedTuple):
    """The embedding, in the file: only rows that are used are brought to the device."""

    kind: TensorType
    columns: int
    data: NDArray[np.uint8]
    """``[tokens, bytes]``"""


class VulkanWeights:
    """The tensors of one GGUF file, on a device.

    Raises:
        BadModelFile, CapabilityMissing: as `Architecture.of`; a tensor is missing, or of a
            type that cannot be trained on.
        DoesNotFit: as `VulkanDevice.buffer`.
    """

    def __init__(self, path: Path, device: VulkanDevice) -> None:
        header = read_header(path)
        base_types.check(header)
        self.architecture = Architecture.of(header)
        self._device = device
        self._entries = {entry.name: entry for entry in header.tensors}
        self._start = header.data_offset
        self._biases: dict[str, Storage | None] = {}
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        a = self.architecture
        supported_blocks.check(a)
        self.blocks = [self._block(number) for number in range(a.layers)]
        self.vectors = {
            name: Storage(device.upload(self.numbers(name)))
            for name, entry in self._entries.items()
            if len(entry.shape) == 1
        }
        self.head = self._matrix("token_embd.weight" if a.tied else "output.weight")
        entry = self._entry("token_embd.weight")
        data = self._bytes(entry).reshape(a.vocabulary, -1)
        self.embedding = EmbeddingTable(entry.type, a.width, data)

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def numbers(self, name: str) -> NDArray[np.float32]:
        """A vector's numbers."""
        entry = self._entry(name)
        return numbers(self._bytes(entry), entry.type.name, (1, entry.shape[0])).reshape(-1)

    def joined_bias(self, names: list[str], sizes: list[int]) -> Storage | None:
        """Biases one behind the other, zeros for those that are not there; None: there are none."""
        key = names[0]
        if key not in self._biases:
            found: Storage | None = None
            if any(name in self._entries for name in names):
                parts = [
                    self.numbers(name) if name in self._entries else np.zeros(size, np.float32)
                    for name, size in zip(names, sizes, strict=True)
                ]
                found = Storage(self._device.upload(np.concatenate(parts)))
            self._biases[key] = found
        return self._biases[key]

    def _block(self, number: int) -> dict[str, Matrix]:
        prefix = f"blk.{number}."
        return {name: self._matrix(f"{prefix}{name}.weight") for name in self.architecture.matrices}

    def _matrix(self, name: str) -> Matrix:
        entry = self._entry(name)
        columns, rows = entry.shape
        row = entry.size // rows
        room = max(1, self._device.max_buffer // (row + 8))
        room = max(4, room // 4 * 4)
        data = self._bytes(entry).reshape(rows, row)
        parts = []
        for start in range(0, rows, room):
            words, plane = formats.pack(entry.type, data[start : start + room])
            count = min(room, rows - start)
            parts.append(MatrixRows(start, count, Storage(self._device.upload(words)), plane))
        return Matrix(entry.type, rows, columns, tuple(parts))

    def _bytes(self, entry: Tensor) -> NDArray[np.uint8]:
        at = self._start + entry.offset
        return np.frombuffer(self._map, dtype=np.uint8, count=entry.size, offset=at)

    def _entry(self, name: str) -> Tensor:
        if name not in self._entries:
            raise BadModelFile(f"the file has no tensor {name}")
        return self._entries[name]
