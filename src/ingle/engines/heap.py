"""The heap of a worker: what a large request took is given back to the system after it.

The C library keeps freed memory for the next request. An engine's requests leave gaps in it that
it does not return by itself, so a worker would stay as large as its largest request made it.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable

LARGE_REQUEST = 128 * 1024
"""Bytes of a request after which it is worth a look: it takes a few milliseconds."""


def give_back() -> None:
    """Return what is free to the system, where the C library can."""
    gc.collect()
    if _trim is not None:
        _trim(0)


def _found() -> Callable[[int], int] | None:
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None  # only glibc has it; other allocators return memory themselves
    return lambda pad: int(trim(ctypes.c_size_t(pad)))


_trim = _found()
