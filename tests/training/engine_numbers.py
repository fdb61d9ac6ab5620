"""The numbers of quantised blocks as the engine itself computes them."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any

import numpy as np
import xllamacpp

from ingle.models.tensor_types import TENSOR_TYPES

TYPES = {kind.name: kind for kind in TENSOR_TYPES.values()}


@functools.cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(str(next(Path(xllamacpp.__file__).parent.glob("xllamacpp*.so"))))


def _function(name: str) -> str:
    return f"dequantize_row_{name.lower().replace('_k', '_K')}"


def engine_numbers(blocks: Any, name: str) -> Any:
    """All in a row, by ``dequantize_row_NAME`` of ggml's ``ggml-quants.h``."""
    data = np.ascontiguousarray(blocks).reshape(-1)
    kind = TYPES[name]
    found = np.empty(data.nbytes // kind.bytes * kind.block, np.float32)
    function = getattr(_library(), _function(name))
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    function.restype = None
    function(data.ctypes.data, found.ctypes.data, len(found))
    return found
