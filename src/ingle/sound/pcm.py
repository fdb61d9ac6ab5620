"""Raw sound as it is sent live: bytes in pieces of any length to samples."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ingle.sound.samples import RATE, Samples, finite

_TYPES = {"s16": "<i2", "f32": "<f4"}
_FULL_SCALE = 32768.0


class RawSound:
    """A stream of mono PCM.

    Args:
        encoding: 16-bit integers or 32-bit floats, little-endian.
        rate: samples per second.
    """

    def __init__(self, encoding: Literal["s16", "f32"], rate: int) -> None:
        self._type = np.dtype(_TYPES[encoding])
        self._resampler = None
        if rate != RATE:
            import soxr

            self._resampler = soxr.ResampleStream(rate, RATE, 1, dtype="float32", quality="HQ")
        self._rest = b""
        self._given = 0

    def add(self, data: bytes, *, last: bool = False) -> Samples:
        """The samples that the next bytes complete.

        Args:
            last: nothing comes after these. Half a sample is dropped.

        Raises:
            InvalidRequest: a sample is not a finite number.
        """
        data = self._rest + data
        whole = len(data) // self._type.itemsize * self._type.itemsize
        self._rest = data[whole:]
        samples = np.frombuffer(data[:whole], self._type).astype(np.float32)
        if self._type.kind == "i":
            samples /= _FULL_SCALE
        samples = finite(samples, self._given)
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples, last=last)
        self._given += len(samples)
        return samples
