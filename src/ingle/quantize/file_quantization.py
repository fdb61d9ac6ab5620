"""`Quantization`: a model's file in another type, written once, from its first byte to its last.

Rows of a tensor are computed by several threads, some thousand at a time, and written in order; so
memory is bounded by the rows at hand, whatever the size of the model. What is written is known in
advance, and a tensor is on disk before the next one begins: a file that was interrupted continues
at the tensor that it stopped in.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from ingle.engines.llama.gguf_source import GgufSource
from ingle.engines.llama.tensor_codec import Bytes, Values, numbers, packed
from ingle.errors import BadModelFile, InvalidRequest
from ingle.models.gguf import Tensor, read_raw_metadata
from ingle.models.gguf_layout import GgufLayout, NewTensor, string, uint32
from ingle.models.tensor_types import PLAIN, number_of
from ingle.quantize.file_types import file_type_number
from ingle.quantize.imatrix_file import Imatrix
from ingle.quantize.tensor_layout import LayoutOptions, PlannedTensor, planned

NUMBERS_AT_ONCE = 1 << 19
"""Of a tensor, by one thread."""
QUANTIZATION_VERSION = 2
"""``GGML_QNT_VERSION`` of ggml.h."""
_SPLIT = "split."


class FileProgress(NamedTuple):
    """How far a quantisation is. Sizes are bytes of the new file."""

    done: int
    total: int
    tensor: str


class Quantization:
    """One model, one type.

    Args:
        file_type: one of `ingle.quantize.file_types.BASE_TYPES`.
        requantize: tensors in few bits may be quantised again, which loses more.

    Raises:
        BadModelFile: the source is damaged.
        InvalidRequest: the source is quantised already; the imatrix is of another model, or missing
            where the types need one.
    """

    def __init__(
        self,
        source: Path,
        file_type: str,
        *,
        imatrix: Imatrix | None = None,
        options: LayoutOptions | None = None,
        requantize: bool = False,
        extra: Mapping[str, bytes] | None = None,
    ) -> None:
        self.source = GgufSource(source)
        self._imatrix = imatrix
        options = (options or LayoutOptions())._replace(imatrix=imatrix is not None)
        self.tensors = planned(self.source.header, file_type, options)
        self._check(file_type, requantize)
        new = [
            NewTensor(plan.tensor.name, plan.tensor.shape, number_of(plan.kind), plan.size)
            for plan in self.tensors
        ]
        self.layout = GgufLayout(
            _metadata(self.source, file_type, imatrix, extra or {}), new,
            self.source.header.alignment,
        )  # fmt: skip

    @property
    def bits_per_weight(self) -> float:
        """Of the new file's tensors, all of them."""
        weights = sum(plan.tensor.elements for plan in self.tensors)
        return sum(plan.size for plan in self.tensors) * 8 / weights

    @property
    def notes(self) -> list[str]:
        """What somebody who asked for it should know."""
        fallbacks = [plan for plan in self.tensors if plan.fallback_from]
        found = []
        if fallbacks:
            first = fallbacks[0]
            found.append(
                f"{len(fallbacks)} tensors have rows that are no multiple of the blocks of their "
                f"type: {first.tensor.name} with {first.tensor.shape[0]} columns is stored as "
                f"{first.kind} in place of {first.fallback_from}"
            )
        if self._imatrix is not None:
            missing = [
                plan.tensor.name
                for plan in self.tensors
                if plan.changes and plan.tensor.name not in self._imatrix.entries
            ]
            named = [name for name in missing if name not in ("token_embd.weight", "output.weight")]
            if named:
                found.append(
                    f"the imatrix says nothing of {len(named)} tensors, such as {named[0]}"
                )
        return found

    def write(self, part: Path, threads: int = 0) -> Iterator[FileProgress]:
        """Write the file, or the rest of it.

        Args:
            part: what an earlier call left there is continued, if it was of the same kind.

        Raises:
            BadModelFile: a tensor has a value that is not a number.
            OSError: it could not be written.
        """
        begun = self._written(part)
        with part.open("r+b" if begun else "wb") as file:
            if not begun:
                file.write(self.layout.header)
            threads = threads or os.cpu_count() or 1
            with ThreadPoolExecutor(threads) as pool:
                for index in range(begun, len(self.tensors)):
                    file.seek(self.layout.offsets[index])
                    file.truncate()
                    yield from self._tensor(file, index, pool, threads)
                    file.flush()
                    os.fsync(file.fileno())

    def _written(self, part: Path) -> int:
        """Tensors that are there already. The last one may be cut short, so it is made again."""
        header = self.layout.header
        if not part.exists():
            return 0
        with part.open("rb") as file:
            if file.read(len(header)) != header:
                return 0
            size = file.seek(0, 2)
        whole = sum(offset <= size for offset in self.layout.offsets)
        return max(0, whole - 1)

    def _tensor(
        self, file: BinaryIO, index: int, pool: ThreadPoolExecutor, threads: int
    ) -> Iterator[FileProgress]:
        plan = self.tensors[index]
        data = self.source.bytes(plan.tensor)
        at, total = self.layout.offsets[index], self.layout.size
        pieces = _pieces(data) if not plan.changes else self._quantized(plan, data, pool, threads)
        for piece in pieces:
            file.write(piece.data)
            at += piece.nbytes
            yield FileProgress(at, total, plan.tensor.name)
        file.write(bytes(self.layout.padded(plan.size) - plan.size))

    def _quantized(
        self, plan: PlannedTensor, data: Bytes, pool: ThreadPoolExecutor, threads: int
    ) -> Iterator[Bytes]:
        """The new bytes of a tensor, in order; a few pieces are under way at any time."""
        tensor, columns = plan.tensor, plan.tensor.shape[0]
        rows = tensor.elements // columns
        each = tensor.shape[1]
        """Rows of one expert: no piece is of two, since each has an imatrix of its own."""
        step = max(1, NUMBERS_AT_ONCE // columns)
        row_bytes = tensor.size // rows
        weights = self._weights(plan)
        under_way = deque[Future[Bytes]]()
        for first in range(0, rows, each):
            for row in range(first, first + each, step):
                count = min(step, first + each - row)
                piece = data[row * row_bytes : (row + count) * row_bytes]
                importance = weights[first // each] if weights is not None else None
                task = pool.submit(_recoded, tensor, piece, count, plan.kind, importance, row)
                under_way.append(task)
                if len(under_way) > threads:
                    yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    def _weights(self, plan: PlannedTensor) -> Values | None:
        entry = self._imatrix.entries.get(plan.tensor.name) if self._imatrix else None
        return entry.importance if entry is not None else None

    def _check(self, file_type: str, requantize: bool) -> None:
        coarse = [p for p in self.tensors if p.changes and p.tensor.type.name not in PLAIN]
        if coarse and not requantize:
            raise InvalidRequest(
                f"{coarse[0].tensor.name} is in {coarse[0].tensor.type.name} already; quantising "
                "it again loses more than quantising the original does",
                hint="start from F16, BF16 or F32, or add --allow-requantize",
                field="model",
            )
        if self._imatrix is None:
            needy = [p for p in self.tensors if p.needs_imatrix and p.changes]
            if needy:
                raise InvalidRequest(
                    f"{file_type} needs an imatrix: without one {needy[0].tensor.name} in "
                    f"{needy[0].kind} would be noise",
                    hint="ingle imatrix MODEL --data FILE --out imatrix.gguf, then --imatrix",
                    field="imatrix",
                )
            return
        for plan in self.tensors:
            self._check_entry(plan)

    def _check_entry(self, plan: PlannedTensor) -> None:
        assert self._imatrix is not None
        entry, shape = self._imatrix.entries.get(plan.tensor.name), plan.tensor.shape
        if entry is None:
            if plan.needs_imatrix and plan.changes:
                raise InvalidRequest(
                    f"the imatrix says nothing of {plan.tensor.name}, and {plan.kind} needs it",
                    hint="make an imatrix of this model: ingle imatrix MODEL --data FILE",
                    field="imatrix",
                )
            return
        experts = math.prod(shape[2:])
        if plan.changes and entry.squares.shape != (experts, shape[0]):
            raise InvalidRequest(
                f"the imatrix is of another model: {plan.tensor.name} has {shape[0]} columns, and "
                f"{entry.squares.shape[1]} in the imatrix",
                hint="make an imatrix of this model: ingle imatrix MODEL --data FILE",
                field="imatrix",
            )


def _recoded(
    tensor: Tensor, data: Bytes, rows: int, kind: str, importance: Values | None, first: int
) -> Bytes:
    values = numbers(data, tensor.type.name, (rows, tensor.shape[0]))
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values).all(axis=1)))
        raise BadModelFile(
            f"{tensor.name} has a value that is not a number in row {first + row}",
            hint="fetch or convert the model again",
            tensor=tensor.name,
        )
    return packed(values, kind, importance)


def _pieces(data: Bytes, size: int = 16 << 20) -> Iterator[Bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def _metadata(
    source: GgufSource, file_type: str, imatrix: Imatrix | None, extra: Mapping[str, bytes]
) -> dict[str, bytes]:
    found = {
        key: value
        for key, value in read_raw_metadata(source.path).items()
        if not key.startswith(_SPLIT)
    }
    found["general.quantization_version"] = uint32(QUANTIZATION_VERSION)
    found["general.file_type"] = uint32(file_type_number(file_type))
    if imatrix is not None:
        datasets: Sequence[str] = imatrix.datasets
        if datasets:
            found["quantize.imatrix.dataset"] = string(datasets[0])
        found["quantize.imatrix.entries_count"] = uint32(len(imatrix.entries))
        found["quantize.imatrix.chunks_count"] = uint32(imatrix.chunks)
    return {**found, **extra}
