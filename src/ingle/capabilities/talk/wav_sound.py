"""A WAV file in place of a microphone: its sound, as fast as it would be said."""

from __future__ import annotations

import array
import asyncio
import sys
import time
import wave
from collections.abc import AsyncGenerator
from pathlib import Path

from ingle.errors import InvalidRequest
from ingle.sound.encode import SAMPLE_BYTES

PIECE_S = 0.05
LOWEST_RATE, HIGHEST_RATE = 8_000, 192_000


class WavSound:
    """Mono, 16 bits, little-endian, at `rate`; of several channels the mean.

    Raises:
        InvalidRequest: it is not a WAV file of 16-bit samples.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            self._file = wave.open(str(path), "rb")  # noqa: SIM115 - closed by pieces
        except (OSError, EOFError, wave.Error) as error:
            raise InvalidRequest(
                f"{path}: {error or 'it is empty'}",
                hint=f"ffmpeg -i {path} -ac 1 -ar 16000 -c:a pcm_s16le sound.wav",
                field="from",
            ) from None
        self.rate = self._file.getframerate()
        width = self._file.getsampwidth()
        if width != SAMPLE_BYTES or not LOWEST_RATE <= self.rate <= HIGHEST_RATE:
            raise InvalidRequest(
                f"{path} has samples of {8 * width} bits at {self.rate} Hz; "
                f"16 bits at {LOWEST_RATE} to {HIGHEST_RATE} Hz are read",
                hint=f"ffmpeg -i {path} -ac 1 -ar 16000 -c:a pcm_s16le sound.wav",
                field="from",
            )

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Its sound, piece by piece, each when it would have been said."""
        began, seconds = time.monotonic(), 0.0
        count = int(self.rate * PIECE_S)
        with self._file as file:
            while data := file.readframes(count):
                seconds += len(data) / SAMPLE_BYTES / file.getnchannels() / self.rate
                await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))
                yield _mean(data, file.getnchannels())


def _mean(data: bytes, channels: int) -> bytes:
    if channels == 1:
        return data
    samples = array.array("h", data)
    if sys.byteorder == "big":
        samples.byteswap()
    parts = [samples[channel::channels] for channel in range(channels)]
    mean = array.array("h", (sum(values) // channels for values in zip(*parts, strict=False)))
    if sys.byteorder == "big":
        mean.byteswap()
    return mean.tobytes()
