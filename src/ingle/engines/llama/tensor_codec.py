"""Numbers to GGUF bytes and back, on the CPU: for files, not for training.

Both ways are ggml's own row functions, which the shared object inside xllamacpp exports, so a file
that is quantised here holds what llama.cpp would have written.
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingle.errors import CapabilityMissing, EngineMissing
from ingle.models.tensor_types import number_of, tensor_type

Bytes = NDArray[np.uint8]
Values = NDArray[np.float32]


def numbers(data: Bytes, kind: str, shape: tuple[int, int]) -> Values:
    """A matrix, ``[out, in]``, from its bytes.

    Raises:
        CapabilityMissing: the type is not known.
    """
    found = tensor_type(kind)
    rows = np.ascontiguousarray(data).reshape(shape[0], shape[1] // found.block * found.bytes)
    if kind == "F32":
        return rows.view(np.float32).reshape(shape)
    if kind == "F16":
        return rows.view(np.float16).astype(np.float32).reshape(shape)
    if kind == "BF16":
        return (rows.view(np.uint16).astype(np.uint32) << 16).view(np.float32).reshape(shape)
    values = np.empty(shape, dtype=np.float32)
    _reader(kind)(rows.ctypes.data, values.ctypes.data, values.size)
    return values


def packed(values: Values, kind: str, importance: Values | None = None) -> Bytes:
    """Bytes of a matrix, ``[out, in]``.

    Args:
        importance: how much an error in each column weighs, ``[in]``: the mean square of what the
            matrix is multiplied by (an imatrix). Plain types and Q8_0 take no account of it.

    Raises:
        CapabilityMissing: the type is not known, or its blocks do not divide a row.
        EngineMissing: the engine's shared object does not export what is needed.
    """
    found = tensor_type(kind)
    values = np.ascontiguousarray(values, dtype=np.float32)
    if kind == "F32":
        return values.view(np.uint8).reshape(-1)
    if kind == "F16":
        return values.astype(np.float16).view(np.uint8).reshape(-1)
    if kind == "BF16":
        return _brain_floats(values)
    rows, columns = values.shape
    if columns % found.block:
        raise CapabilityMissing(f"rows of {columns} numbers cannot be stored as {kind}")
    weights = None
    if importance is not None:
        importance = np.ascontiguousarray(importance, dtype=np.float32)
        weights = importance.ctypes.data
    target = np.empty(rows * columns // found.block * found.bytes, dtype=np.uint8)
    written = _library().ggml_quantize_chunk(
        number_of(kind), values.ctypes.data, target.ctypes.data, 0, rows, columns, weights
    )
    if written != target.nbytes:
        raise CapabilityMissing(f"the engine cannot write {kind}")
    return target


def _brain_floats(values: Values) -> Bytes:
    """Rounded to the nearest, ties to even; what is not a number stays so."""
    bits = values.view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    quiet = (bits >> 16) | 64
    chosen = np.where((bits & 0x7FFFFFFF) > 0x7F800000, quiet, rounded)
    return chosen.astype(np.uint16).view(np.uint8).reshape(-1)


def _unknown(kind: str) -> CapabilityMissing:
    return CapabilityMissing(
        f"tensors in {kind} cannot be dequantised",
        hint="use another quantisation of the model, such as Q8_0",
    )


@functools.cache
def _reader(kind: str) -> ctypes._NamedFuncPointer:
    # ggml-quants.h: void dequantize_row_q4_K(const block *, float *, int64 count)
    name = "dequantize_row_" + kind.lower().replace("_k", "_K")
    library = _library()
    if not hasattr(library, name):
        raise _unknown(kind)
    function: ctypes._NamedFuncPointer = getattr(library, name)
    function.restype = None
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    return function


@functools.cache
def _library() -> ctypes.CDLL:
    import xllamacpp

    found = sorted(Path(xllamacpp.__file__).parent.glob("xllamacpp*.so"))
    library = ctypes.CDLL(str(found[0])) if found else None
    if library is None or not hasattr(library, "ggml_quantize_chunk"):
        raise EngineMissing(
            "this build of xllamacpp does not export ggml_quantize_chunk",
            hint="use --type F16 or BF16, which needs no quantising",
        )
    # ggml.h: size_t (type, src, dst, int64 start, int64 nrows, int64 n_per_row, imatrix)
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    library.ggml_quantize_chunk.argtypes = [
        ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p,
        ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p,
    ]  # fmt: skip
    return library
