"""Buffers that are used again and again, and arrays in them."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingle.training.vulkan.vulkan_device import VulkanDevice

_numbers = itertools.count(1)


class Storage:
    """A buffer that is one array's, or several views', until no one holds it any more.

    Then it goes back to its pool and may become another storage, with another
    ``number``. That is safe because a program's dispatches run one after the other.
    """

    def __init__(self, buffer: Any, pool: Pool | None = None) -> None:
        self.buffer = buffer
        self.number = next(_numbers)
        self._pool = pool

    @property
    def persistent(self) -> bool:
        """It belongs to no pool: what is written to it counts even if no dispatch reads it."""
        return self._pool is None

    def __del__(self) -> None:
        if self._pool is not None:
            self._pool.release(self.buffer)


class Pool:
    """Buffers for what lives within one step only."""

    def __init__(self, device: VulkanDevice) -> None:
        self._device = device
        self._free: list[tuple[int, int, Any]] = []

    def take(self, size: int) -> Storage:
        """A storage of at least that many bytes, with anything in it.

        Raises:
            DoesNotFit: as `VulkanDevice.buffer`.
        """
        at = bisect.bisect_left(self._free, (size, 0))
        # One that is much larger is left to those who need it.
        if at < len(self._free) and self._free[at][0] <= 2 * size:
            return Storage(self._free.pop(at)[2], self)
        return Storage(self._device.buffer(size), self)

    def release(self, buffer: Any) -> None:
        """For `Storage`."""
        bisect.insort(self._free, (buffer.size, id(buffer), buffer))


class Array:
    """Rows of 32-bit numbers in a storage, perhaps only some columns of it."""

    def __init__(
        self, storage: Storage, rows: int, columns: int, *, stride: int = 0, offset: int = 0
    ) -> None:
        self.storage = storage
        self.rows = rows
        self.columns = columns
        self.stride = stride or columns
        """Numbers from one row to the next."""
        self.offset = offset
        """Numbers before the first."""

    def part(self, start: int, columns: int) -> Array:
        """Some columns, in the same storage."""
        return Array(
            self.storage, self.rows, columns, stride=self.stride, offset=self.offset + start
        )

    def below(self, start: int, rows: int) -> Array:
        """Some rows, in the same storage."""
        at = self.offset + start * self.stride
        return Array(self.storage, rows, self.columns, stride=self.stride, offset=at)


def persistent(device: VulkanDevice, rows: int, columns: int) -> Array:
    """An array that stays, all zero."""
    return Array(Storage(device.buffer(rows * columns * 4)), rows, columns)


def read(device: VulkanDevice, array: Array) -> np.ndarray[Any, np.dtype[np.float32]]:
    """An array's numbers, ``[rows, columns]``."""
    if array.stride == array.columns:
        flat = device.read(
            array.storage.buffer, np.float32, array.rows * array.columns, array.offset * 4
        )
        return flat.reshape(array.rows, array.columns).copy()
    count = (array.rows - 1) * array.stride + array.columns
    flat = device.read(array.storage.buffer, np.float32, count, array.offset * 4)
    flat = np.pad(flat, (0, array.stride - array.columns))
    return flat.reshape(array.rows, array.stride)[:, : array.columns].copy()


def buffers(arrays: Sequence[Array | Storage]) -> list[Storage]:
    """The storages of arrays."""
    return [x.storage if isinstance(x, Array) else x for x in arrays]
