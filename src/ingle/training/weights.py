"""The frozen base: GGUF bytes, mapped, and dequantised when a block needs them."""

from __future__ import annotations

import mmap
from pathlib import Path
from types import TracebackType

import torch
from torch import Tensor

from ingle.errors import BadModelFile
from ingle.models.gguf import Header, read_header
from ingle.models.gguf import Tensor as Entry
from ingle.training.architecture import Architecture
from ingle.training.dequantize import dequantize


class Weights:
    """The tensors of one GGUF file.

    Args:
        device: where numbers are wanted.
        dtype: of those numbers.
        keep: keep what was dequantised, as far as this many bytes go; the rest is
            dequantised each time it is needed.

    Raises:
        BadModelFile, CapabilityMissing: as `Architecture.of`, or a tensor is missing.
    """

    def __init__(
        self, path: Path, *, device: torch.device, dtype: torch.dtype, keep: int = 0
    ) -> None:
        self.header: Header = read_header(path)
        self.architecture = Architecture.of(self.header)
        self.device, self.dtype = device, dtype
        self._entries = {entry.name: entry for entry in self.header.tensors}
        self._keep = keep
        self._kept: dict[str, Tensor] = {}
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)

    def __enter__(self) -> Weights:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._kept.clear()

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def tensor(self, name: str) -> Tensor:
        """A whole tensor as numbers: ``[out, in]`` for a matrix."""
        if name in self._kept:
            return self._kept[name]
        entry = self._entry(name)
        numbers = dequantize(self._bytes(entry, 0, entry.size).to(self.device), entry.type,
                             self.dtype)  # fmt: skip
        numbers = numbers.reshape(tuple(reversed(entry.shape)))
        size = numbers.numel() * numbers.element_size()
        if size <= self._keep:
            self._keep -= size
            self._kept[name] = numbers
        return numbers

    def rows(self, name: str, start: int, end: int) -> Tensor:
        """Rows of a matrix as numbers, ``[end - start, in]``: a part of a large head."""
        if name in self._kept:
            return self._kept[name][start:end]
        entry = self._entry(name)
        row = entry.size // entry.shape[1]
        data = self._bytes(entry, start * row, end * row).to(self.device)
        return dequantize(data, entry.type, self.dtype).reshape(end - start, entry.shape[0])

    def gather(self, name: str, indices: Tensor) -> Tensor:
        """Single rows of a matrix: the embedding of tokens. Only those rows are dequantised."""
        entry = self._entry(name)
        row = entry.size // entry.shape[1]
        unique, inverse = torch.unique(indices.cpu(), return_inverse=True)
        table = self._bytes(entry, 0, entry.size).reshape(-1, row)[unique]
        numbers = dequantize(table.reshape(-1).to(self.device), entry.type, self.dtype)
        return numbers.reshape(len(unique), entry.shape[0])[inverse.to(self.device)]

    def _bytes(self, entry: Entry, start: int, end: int) -> Tensor:
        at = self.header.data_offset + entry.offset
        return torch.frombuffer(self._map, dtype=torch.uint8, count=end - start, offset=at + start)

    def _entry(self, name: str) -> Entry:
        if name not in self._entries:
            raise BadModelFile(f"the file has no tensor {name}")
        return self._entries[name]
