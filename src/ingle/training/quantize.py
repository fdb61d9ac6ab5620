"""Numbers to GGUF bytes and back, on the CPU: for files, not for training.

Quantising is ggml's own ``ggml_quantize_chunk``, which the shared object inside
xllamacpp exports, so a merged model is quantised as llama.cpp would have done it.
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingle.errors import CapabilityMissing, EngineMissing
from ingle.training.base_types import TRAINABLE

Bytes = NDArray[np.uint8]
Values = NDArray[np.float32]
PLAIN = ("F32", "F16", "BF16")


def numbers(data: Bytes, kind: str, shape: tuple[int, int]) -> Values:
    """A matrix, ``[out, in]``, from its bytes.

    Raises:
        CapabilityMissing: the type is not known.
    """
    import gguf

    if kind not in TRAINABLE:
        raise _unknown(kind)
    quant = _type(kind)
    block, size = gguf.GGML_QUANT_SIZES[quant]
    rows = np.ascontiguousarray(data).reshape(shape[0], shape[1] // block * size)
    if kind == "F32":
        return rows.view(np.float32).reshape(shape)
    if kind == "F16":
        return rows.view(np.float16).astype(np.float32).reshape(shape)
    found: Values = gguf.quants.dequantize(rows, quant)
    return found.reshape(shape).astype(np.float32, copy=False)


def packed(values: Values, kind: str) -> Bytes:
    """Bytes of a matrix, ``[out, in]``.

    Raises:
        CapabilityMissing: the type is not known, or its blocks do not divide a row.
        EngineMissing: the engine's shared object does not export what is needed.
    """
    import gguf

    quant = _type(kind)
    values = np.ascontiguousarray(values, dtype=np.float32)
    if kind in PLAIN:
        if kind == "F32":
            return values.view(np.uint8).reshape(-1)
        plain: Any = values.astype(np.float16) if kind == "F16" else gguf.quants.quantize(
            values, quant
        )  # fmt: skip
        return np.ascontiguousarray(plain).view(np.uint8).reshape(-1)
    rows, columns = values.shape
    block, size = gguf.GGML_QUANT_SIZES[quant]
    if columns % block:
        raise CapabilityMissing(f"rows of {columns} numbers cannot be stored as {kind}")
    target = np.empty(rows * columns // block * size, dtype=np.uint8)
    written = _library().ggml_quantize_chunk(
        int(quant), values.ctypes.data, target.ctypes.data, 0, rows, columns, None
    )
    if written != target.nbytes:
        raise CapabilityMissing(f"the engine cannot write {kind}")
    return target


def _type(kind: str) -> Any:
    import gguf

    try:
        return gguf.GGMLQuantizationType[kind]
    except KeyError:
        raise _unknown(kind) from None


def _unknown(kind: str) -> CapabilityMissing:
    return CapabilityMissing(
        f"tensors in {kind} cannot be dequantised",
        hint="use another quantisation of the model, such as Q8_0",
    )


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
