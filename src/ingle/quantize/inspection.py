"""What is in a model's file, what of it is wasted, and in what two files differ."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ingle.errors import CapabilityMissing
from ingle.quantize.tensor_files import FileTensor, TensorFile


class ValueFigures(NamedTuple):
    """What a tensor's numbers are like.

    Args:
        largest: of the magnitudes.
        outlier: the largest magnitude over the root of the mean square: a normal distribution has
            about 5 in a million numbers.
        strange: numbers that are NaN or infinite.
        zeros: share of them.
    """

    rms: float
    largest: float
    outlier: float
    strange: int
    zeros: float


class Difference(NamedTuple):
    """A tensor that is not the same in two files.

    Args:
        what: ``only in A``, ``only in B``, ``shape``, ``type``, ``values``.
        one, other: its shape or type in each; empty where it is not there.
        error: root of the mean square of the difference, over that of A's numbers; None: not known.
    """

    name: str
    what: str
    one: str = ""
    other: str = ""
    error: float | None = None


def types(file: TensorFile) -> dict[str, tuple[int, int]]:
    """Of each type: how many tensors, and their bytes; the largest first."""
    count: Counter[str] = Counter()
    size: Counter[str] = Counter()
    for tensor in file.tensors:
        count[tensor.type] += 1
        size[tensor.type] += tensor.size
    return {kind: (count[kind], total) for kind, total in size.most_common()}


def duplicates(file: TensorFile) -> list[list[FileTensor]]:
    """Tensors that hold the same bytes, such as an output matrix that is the embedding."""
    by_size = defaultdict(list)
    for tensor in file.tensors:
        if tensor.elements > 1:
            by_size[tensor.type, tensor.size].append(tensor)
    found = []
    for alike in by_size.values():
        by_hash = defaultdict(list)
        for tensor in alike if len(alike) > 1 else ():
            by_hash[hashlib.sha256(np.ascontiguousarray(tensor.bytes()).data).digest()].append(
                tensor
            )
        found += [same for same in by_hash.values() if len(same) > 1]
    return found


def figures(tensor: FileTensor) -> ValueFigures | None:
    """Of its numbers; None: there are none, or of a type that is not looked at."""
    try:
        values = tensor.numbers()
    except CapabilityMissing:
        return None
    if not values.size:
        return None
    finite = np.isfinite(values)
    kept = np.where(finite, values, 0)
    rms = float(np.sqrt(np.mean(np.square(kept, dtype=np.float64))))
    largest = float(np.abs(kept).max())
    zeros = float((kept == 0).mean())
    return ValueFigures(
        rms, largest, largest / rms if rms else 0.0, int(values.size - finite.sum()), zeros
    )


def differences(one: TensorFile, other: TensorFile) -> Iterator[Difference]:
    """What is not the same in B as in A, tensor by tensor."""
    there = {tensor.name: tensor for tensor in other.tensors}
    for tensor in one.tensors:
        match = there.pop(tensor.name, None)
        if match is None:
            yield Difference(tensor.name, "only in A", _shown(tensor))
        elif match.shape != tensor.shape:
            yield Difference(tensor.name, "shape", _shown(tensor), _shown(match))
        elif match.type != tensor.type:
            yield Difference(tensor.name, "type", tensor.type, match.type, _error(tensor, match))
        elif not np.array_equal(tensor.bytes(), match.bytes()):
            yield Difference(tensor.name, "values", error=_error(tensor, match))
    for tensor in there.values():
        yield Difference(tensor.name, "only in B", other=_shown(tensor))


def _error(one: FileTensor, other: FileTensor) -> float | None:
    try:
        values, changed = one.numbers(), other.numbers()
    except CapabilityMissing:
        return None
    scale = float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
    apart = float(np.sqrt(np.mean(np.square(changed - values, dtype=np.float64))))
    return apart / scale if scale else None


def _shown(tensor: FileTensor) -> str:
    return f"{tensor.type} {list(tensor.shape)}"
