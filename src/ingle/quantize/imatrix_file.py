"""An imatrix: how much the inputs of each matrix vary, by column; llama.cpp's GGUF files of it.

For each matrix of weights the file has two tensors in F32: ``NAME.in_sum2``, the sum of the squares
of what it was multiplied by, ``[matrices, columns]``, and ``NAME.counts``, of how many rows,
``[matrices, 1]``; one matrix, or one per expert. What counts when a model is quantised is their
quotient. The format: ``tools/imatrix`` of llama.cpp.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ingle.engines.llama.tensor_codec import Values
from ingle.errors import BadModelFile, InvalidRequest
from ingle.models.gguf import Header, Tensor, read_header
from ingle.models.gguf_layout import GgufLayout, NewTensor, string, string_list, uint32

SUMS, COUNTS = ".in_sum2", ".counts"
DATASETS, CHUNKS = "imatrix.datasets", "imatrix.chunk_count"
CHUNK_SIZE = "imatrix.chunk_size"
F32 = 0


class InputStatistics(NamedTuple):
    """What one matrix, or each of several experts, was multiplied by.

    Args:
        squares: sums of squares, ``[experts, columns]``.
        counts: rows that were summed, ``[experts]``.
    """

    squares: Values
    counts: Values

    @property
    def importance(self) -> Values:
        """Mean squares, ``[experts, columns]``; an expert that was never asked counts evenly."""
        counts = self.counts[:, None]
        return np.where(counts > 0, self.squares / np.maximum(counts, 1), np.float32(1))


class Imatrix(NamedTuple):
    """A file's content.

    Args:
        entries: from names of tensors, such as ``blk.0.attn_q.weight``.
        datasets: files that the texts came from.
        chunks: texts of `chunk_size` tokens.
    """

    entries: Mapping[str, InputStatistics]
    datasets: Sequence[str]
    chunks: int
    chunk_size: int

    def added(self, other: Imatrix) -> Imatrix:
        """Both, as if their texts had been read by one.

        Raises:
            InvalidRequest: they are of different models.
        """
        entries = dict(self.entries)
        for name, more in other.entries.items():
            mine = entries.get(name)
            if mine is None:
                entries[name] = more
                continue
            if mine.squares.shape != more.squares.shape:
                raise InvalidRequest(
                    f"{name} has {mine.squares.shape[1]} columns in one imatrix and "
                    f"{more.squares.shape[1]} in the other: they are of different models"
                )
            entries[name] = InputStatistics(mine.squares + more.squares, mine.counts + more.counts)
        return Imatrix(
            entries,
            list(dict.fromkeys([*self.datasets, *other.datasets])),
            self.chunks + other.chunks,
            self.chunk_size,
        )


def read_imatrix(path: Path) -> Imatrix:
    """Read a file, and check it.

    Raises:
        BadModelFile: it is not an imatrix, damaged, empty, or has a value that is not a number.
        OSError: it cannot be read.
    """
    header = read_header(path)
    tensors = {tensor.name: tensor for tensor in header.tensors}
    if header.metadata.get("general.type") != "imatrix":
        kind = header.metadata.get("general.type", "model")
        raise BadModelFile(
            f"{path.name} is not an imatrix: its general.type is {kind!r}",
            hint="ingle imatrix MODEL --data FILE --out imatrix.gguf",
            path=str(path),
        )
    data = np.memmap(path, dtype=np.uint8, mode="r")
    entries = {}
    for name in tensors:
        if not name.endswith(SUMS):
            continue
        weight = name.removesuffix(SUMS)
        counts = tensors.get(weight + COUNTS)
        if counts is None:
            raise BadModelFile(f"{path.name}: {weight} has sums without counts", path=str(path))
        entries[weight] = _entry(path, header, data, tensors[name], counts)
    if not entries:
        raise BadModelFile(f"{path.name}: the imatrix is empty", path=str(path))
    datasets = header.metadata.get(DATASETS, [])
    chunks, size = header.metadata.get(CHUNKS, 0), header.metadata.get(CHUNK_SIZE, 0)
    return Imatrix(
        entries,
        [str(name) for name in datasets] if isinstance(datasets, list) else [],
        chunks if isinstance(chunks, int) else 0,
        size if isinstance(size, int) else 0,
    )


def write_imatrix(path: Path, imatrix: Imatrix) -> None:
    """Write a file that llama.cpp's tools read, whole or not at all."""
    tensors, values = list[NewTensor](), list[Values]()
    for weight in sorted(imatrix.entries):
        found = imatrix.entries[weight]
        experts, columns = found.squares.shape
        counts = NewTensor(weight + COUNTS, (1, experts), F32, 4 * experts)
        tensors += [
            NewTensor(weight + SUMS, (columns, experts), F32, 4 * columns * experts), counts
        ]  # fmt: skip
        values += [found.squares, found.counts]
    metadata = {
        "general.type": string("imatrix"),
        DATASETS: string_list(imatrix.datasets),
        CHUNKS: uint32(imatrix.chunks),
        CHUNK_SIZE: uint32(imatrix.chunk_size),
    }
    layout = GgufLayout(metadata, tensors)
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(layout.header)
        for tensor, value in zip(tensors, values, strict=True):
            raw = np.ascontiguousarray(value, dtype="<f4").tobytes()
            file.write(raw.ljust(layout.padded(tensor.size), b"\0"))
    part.replace(path)


def _entry(
    path: Path, header: Header, data: np.memmap, sums: Tensor, counts: Tensor
) -> InputStatistics:
    experts = math.prod(sums.shape[1:])
    if sums.type.name != "F32" or counts.type.name != "F32" or counts.elements not in (1, experts):
        raise BadModelFile(f"{path.name}: {sums.name} and its counts do not fit", path=str(path))
    squares = _values(header, data, sums).reshape(experts, sums.shape[0])
    # A dense tensor of several matrices has one count for all.
    rows = np.broadcast_to(_values(header, data, counts), experts).copy()
    found = InputStatistics(squares, rows)
    if not (np.isfinite(found.squares).all() and np.isfinite(found.counts).all()):
        raise BadModelFile(
            f"{path.name}: {sums.name} has a value that is not a number",
            hint="make the imatrix again: ingle imatrix MODEL --data FILE",
            path=str(path),
        )
    return found


def _values(header: Header, data: np.memmap, tensor: Tensor) -> Values:
    start = header.data_offset + tensor.offset
    return np.array(data[start : start + tensor.size]).view("<f4")
