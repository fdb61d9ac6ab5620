"""Tensors of a GGUF or safetensors file in one form, for looking into files and comparing them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ingle.engines.llama.gguf_source import GgufSource
from ingle.engines.llama.tensor_codec import Bytes, Values, numbers
from ingle.errors import BadModelFile, CapabilityMissing
from ingle.models.gguf import MAGIC, Tensor
from ingle.models.safetensors_header import StoredTensor, read_safetensors

_NUMPY = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}


class FileTensor(NamedTuple):
    """One tensor of a file.

    Args:
        shape: outermost axis first, as torch prints it: ``(rows, columns)``.
        bytes: as they are in the file.
        numbers: what they stand for, ``[rows, columns]``; CapabilityMissing if that is not known.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    size: int
    bytes: Callable[[], Bytes]
    numbers: Callable[[], Values]

    @property
    def elements(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


class TensorFile(NamedTuple):
    """A file, or all shards of a model in GGUF.

    Args:
        format: ``gguf`` or ``safetensors``.
        size: bytes of all files.
        kind: ``general.type`` and ``general.architecture``, where the file says them.
    """

    path: Path
    format: str
    size: int
    kind: str
    tensors: list[FileTensor]


def opened(path: Path) -> TensorFile:
    """Look into a file; of its tensors only the header is read.

    Raises:
        BadModelFile: it is damaged, or of another format.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(len(MAGIC))
    if start == MAGIC:
        return _gguf(path)
    if path.suffix != ".safetensors":
        raise BadModelFile(
            f"{path.name} is neither GGUF nor safetensors",
            hint="ingle inspect FILE.gguf, or FILE.safetensors", path=str(path),
        )  # fmt: skip
    return _safetensors(path)


def _gguf(path: Path) -> TensorFile:
    source = GgufSource(path)
    metadata = source.header.metadata
    kind = [metadata.get("general.type", "model"), metadata.get("general.architecture", "")]

    def of(tensor: Tensor) -> FileTensor:
        columns, *rows = tensor.shape
        return FileTensor(
            tensor.name,
            tuple(reversed(tensor.shape)),
            tensor.type.name,
            tensor.size,
            lambda: source.bytes(tensor),
            lambda: numbers(source.bytes(tensor), tensor.type.name, (math.prod(rows), columns)),
        )

    tensors = [of(tensor) for tensor in source.header.tensors]
    return TensorFile(path, "gguf", source.file_size, " ".join(map(str, kind)).strip(), tensors)


def _safetensors(path: Path) -> TensorFile:
    header = read_safetensors(path)
    data = np.memmap(path, dtype=np.uint8, mode="r")
    first = len(data) - header.size

    def of(name: str, tensor: StoredTensor) -> FileTensor:
        start, end = (first + place for place in tensor.data_offsets)
        shape = tuple(tensor.shape)
        return FileTensor(
            name,
            shape,
            tensor.dtype,
            tensor.size,
            lambda: data[start:end],
            lambda: _numbers(data[start:end], tensor.dtype, shape),
        )

    tensors = [of(name, tensor) for name, tensor in header.tensors.items()]
    return TensorFile(path, "safetensors", len(data), "", tensors)


def _numbers(stored: Bytes, kind: str, shape: tuple[int, ...]) -> Values:
    columns = shape[-1] if shape else 1
    rows = math.prod(shape[:-1])
    if kind == "BF16":
        return numbers(stored, kind, (rows, columns))
    if kind not in _NUMPY:
        raise CapabilityMissing(f"numbers in {kind} are not looked at")
    return stored.view(_NUMPY[kind]).astype(np.float32).reshape(rows, columns)
