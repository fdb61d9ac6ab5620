"""How fast a CUDA device moves its memory: ``python -m ingle.engines.cuda_bandwidth INDEX``.

Prints bytes per second of copies within the device, reads and writes counted. It speaks to the
driver's library alone, in a process of its own: a driver may crash whoever asks it.

Source: the CUDA driver API (https://docs.nvidia.com/cuda/cuda-driver-api/).
"""

from __future__ import annotations

import ctypes
import sys
import time

COPY_BYTES = 512 << 20
"""Far more than any cache of a device holds."""
ROUNDS, COPIES = 4, 10
LIBRARIES = ("libcuda.so.1", "nvcuda.dll")


class CudaError(Exception):
    """The driver refused a call, or there is none."""


def bandwidth(index: int) -> float:
    """Bytes per second, the best of some rounds.

    Raises:
        CudaError: no driver, no such device, or it has no room.
    """
    driver = _library()

    def call(name: str, *arguments: object) -> None:
        status = getattr(driver, name)(*arguments)
        if status != 0:
            raise CudaError(f"{name} failed with status {status}")

    device, context = ctypes.c_int(), ctypes.c_void_p()
    source, target = ctypes.c_uint64(), ctypes.c_uint64()
    size = ctypes.c_size_t(COPY_BYTES)
    call("cuInit", 0)
    call("cuDeviceGet", ctypes.byref(device), index)
    call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    call("cuCtxSetCurrent", context)
    call("cuMemAlloc_v2", ctypes.byref(source), size)
    call("cuMemAlloc_v2", ctypes.byref(target), size)
    best = float("inf")
    for _ in range(ROUNDS):
        call("cuCtxSynchronize")
        began = time.perf_counter()
        for _ in range(COPIES):
            call("cuMemcpyDtoDAsync_v2", target, source, size, None)
        call("cuCtxSynchronize")
        best = min(best, time.perf_counter() - began)
    return 2 * COPY_BYTES * COPIES / best


def _library() -> ctypes.CDLL:
    for name in LIBRARIES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise CudaError("there is no CUDA driver here")


def main() -> None:
    """Exit status 1: it could not be measured; why, is on stderr."""
    try:
        sys.stdout.write(f"{bandwidth(int(sys.argv[1]))}\n")
    except (CudaError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
