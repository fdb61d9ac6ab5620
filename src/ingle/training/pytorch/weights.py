"""The frozen base on a device: the file's bytes, or numbers made of them once."""

from __future__ import annotations

import math
import mmap
from pathlib import Path

import torch
from torch import Tensor

from ingle.errors import BadModelFile
from ingle.models.gguf import Header, read_header
from ingle.models.gguf import Tensor as Entry
from ingle.training import base_types
from ingle.training.architecture import Architecture
from ingle.training.pytorch.adapted import room
from ingle.training.pytorch.dequantize import dequantize
from ingle.training.pytorch.packed import PackedMatrix

Matrix = Tensor | PackedMatrix
ROUTER = "ffn_gate_inp.weight"
"""Chooses experts."""


class TorchWeights:
    """The tensors of one GGUF file.

    Args:
        device: where they are wanted.
        dtype: of numbers.
        packed: keep matrices as the file's bytes, and dequantise them at each use; else
            numbers are made once and kept.
        rank: of adapters, for which columns are left free behind matrices of numbers
            (`ingle.training.pytorch.adapted`).

    Raises:
        BadModelFile, CapabilityMissing: as `Architecture.of`, or a tensor is missing or of
            a type that cannot be trained on.
    """

    def __init__(
        self,
        path: Path,
        *,
        device: torch.device,
        dtype: torch.dtype,
        packed: bool = False,
        rank: int = 0,
    ) -> None:
        self.header: Header = read_header(path)
        base_types.check(self.header)
        self.architecture = Architecture.of(self.header)
        self.device, self.dtype, self.packed, self._rank = device, dtype, packed, rank
        self._entries = {entry.name: entry for entry in self.header.tensors}
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        self.head = self._matrix("token_embd.weight" if self.architecture.tied else "output.weight")
        # Only single rows of it are looked up, so bytes serve as well as numbers.
        self.embedding = self.head if self.architecture.tied else self._packed("token_embd.weight")
        self.final_norm = self.vector("output_norm.weight")
        self.blocks = [self._block(number) for number in range(self.architecture.layers)]

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def vector(self, name: str) -> Tensor:
        """A tensor of one axis, as 32-bit numbers at least."""
        entry = self._entry(name)
        wide = torch.promote_types(self.dtype, torch.float32)
        return dequantize(self._bytes(entry), entry.type, wide)

    def numbers(self, name: str) -> Tensor:
        """A matrix as numbers, ``[out, in]``; experts' are one below the other."""
        return self._packed(name).numbers(self.dtype)

    def _block(self, number: int) -> dict[str, Matrix]:
        """A block's tensors, by name without ``blk.N.``; norms and biases are vectors."""
        a, prefix = self.architecture, f"blk.{number}."
        found: dict[str, Matrix] = {}
        if a.experts:
            found[ROUTER] = self.numbers(prefix + ROUTER)
            for name in set(a.matrices) - set(a.targets):
                found[f"{name}.weight"] = self._matrix(f"{prefix}{name}.weight")
        matrices = {f"{name}.weight" for name in a.targets}
        for entry in self.header.tensors:
            name = entry.name.removeprefix(prefix)
            if name != entry.name and name not in matrices and name not in found:
                found[name] = self.vector(entry.name)
        if self.packed:
            return found | {name: self._matrix(prefix + name) for name in sorted(matrices)}
        return found | {
            f"{'+'.join(names)}.weight": self._joined(prefix, names)
            for names in self.architecture.groups
        }

    def _joined(self, prefix: str, names: tuple[str, ...]) -> Tensor:
        """Matrices of one input, one below the other, and free columns behind them."""
        sizes = [self.architecture.matrices[name] for name in names]
        rows, columns = sum(out for out, _ in sizes), sizes[0][1]
        free = room(self._rank, len(names))
        joined = torch.zeros(rows, columns + free, device=self.device, dtype=self.dtype)
        at = 0
        for name, (out, _) in zip(names, sizes, strict=True):
            joined[at : at + out, :columns] = self.numbers(f"{prefix}{name}.weight")
            at += out
        return joined

    def _matrix(self, name: str) -> Matrix:
        return self._packed(name) if self.packed else self.numbers(name)

    def _packed(self, name: str) -> PackedMatrix:
        entry = self._entry(name)
        columns, *rows = entry.shape
        return PackedMatrix(self._bytes(entry), entry.type, math.prod(rows), columns)

    def _bytes(self, entry: Entry) -> Tensor:
        at = self.header.data_offset + entry.offset
        data = torch.frombuffer(self._map, dtype=torch.uint8, count=entry.size, offset=at)
        return data.to(self.device)

    def _entry(self, name: str) -> Entry:
        if name not in self._entries:
            raise BadModelFile(f"the file has no tensor {name}")
        return self._entries[name]
