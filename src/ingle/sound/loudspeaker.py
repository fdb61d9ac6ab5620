"""The loudspeaker, by PortAudio (the package sounddevice). Like the microphone, outside of workers.

`Speaker` is what plays sound; `Loudspeaker` is the machine's, `WavSpeaker` a file that takes the
time that hearing it would take.
"""

from __future__ import annotations

import asyncio
import time
import wave
from pathlib import Path
from typing import Any, Protocol

from ingle.errors import LoudspeakerUnavailable
from ingle.sound.encode import SAMPLE_BYTES
from ingle.sound.portaudio import port_audio

AHEAD_S = 0.3
"""Of sound that a loudspeaker is given before it is due: as much is heard after a stop at most."""
_STEP_S = 0.05


class Speaker(Protocol):
    """Plays sound: mono, 16 bits, little-endian."""

    async def play(self, samples: bytes, rate: int) -> None:
        """Play what follows; returns when there is room for more.

        Raises:
            LoudspeakerUnavailable: there is none, or it was taken away.
        """
        ...

    async def played(self) -> None:
        """Return when all of it was heard."""
        ...

    def stop(self) -> None:
        """Be silent; what was given and not heard yet is dropped."""
        ...

    async def aclose(self) -> None:
        """Let go of the device or the file."""
        ...


class PlayClock:
    """When the sound that was given will have been heard."""

    def __init__(self) -> None:
        self._until = 0.0

    def add(self, seconds: float) -> None:
        """More sound was given."""
        self._until = max(self._until, time.monotonic()) + seconds

    def stop(self) -> None:
        """What was not heard will not be."""
        self._until = 0.0

    async def wait(self, ahead_s: float = 0.0) -> None:
        """Until all but the last of it was heard."""
        # In steps, since a stop makes it shorter.
        while (left := self._until - time.monotonic() - ahead_s) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left, _STEP_S))


class Loudspeaker:
    """See `Speaker`.

    Args:
        device: its name or a part of it; empty: the system's choice.

    Raises:
        EngineMissing: sounddevice or PortAudio is not installed.
    """

    def __init__(self, device: str = "") -> None:
        self._library = port_audio("the loudspeaker")
        self._device = device
        self._stream: Any = None
        self._rate = 0
        self._clock = PlayClock()

    async def play(self, samples: bytes, rate: int) -> None:
        if self._stream is None or rate != self._rate:
            await self.played()
            self._close()
            self._stream, self._rate = self._opened(rate), rate
        step = SAMPLE_BYTES * max(1, int(_STEP_S * rate))
        for at in range(0, len(samples), step):
            piece = samples[at : at + step]
            await asyncio.to_thread(self._stream.write, piece)
            self._clock.add(len(piece) / SAMPLE_BYTES / rate)
            await self._clock.wait(AHEAD_S)

    async def played(self) -> None:
        await self._clock.wait()

    def stop(self) -> None:
        self._clock.stop()
        self._close(abort=True)

    async def aclose(self) -> None:
        self._close()

    def _opened(self, rate: int) -> Any:
        try:
            stream = self._library.RawOutputStream(
                samplerate=rate, channels=1, dtype="int16", device=self._device or None
            )
            stream.start()
        except (self._library.PortAudioError, ValueError) as error:
            raise LoudspeakerUnavailable(
                f"the loudspeaker cannot be opened: {error}",
                hint="connect one, or write into a file",
                device=self._device,
            ) from None
        return stream

    def _close(self, *, abort: bool = False) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            if abort:
                stream.abort()
            stream.close()


class WavSpeaker:
    """See `Speaker`. All that is heard of it, one after the other, in a WAV file.

    Args:
        path: is overwritten.
    """

    def __init__(self, path: str | Path) -> None:
        self._file: wave.Wave_write | None = None
        self._path = str(path)
        self._rate = 0
        self._clock = PlayClock()

    async def play(self, samples: bytes, rate: int) -> None:
        if self._file is None:
            self._file = wave.open(self._path, "wb")  # noqa: SIM115 - closed by aclose
            self._file.setnchannels(1)
            self._file.setsampwidth(SAMPLE_BYTES)
            self._file.setframerate(rate)
            self._rate = rate
        if rate != self._rate:
            raise LoudspeakerUnavailable(
                f"{self._path} has sound at {self._rate} Hz, and this is at {rate} Hz",
                hint="let one voice speak",
            )
        step = SAMPLE_BYTES * max(1, int(_STEP_S * rate))
        for at in range(0, len(samples), step):
            piece = samples[at : at + step]
            self._file.writeframes(piece)
            self._clock.add(len(piece) / SAMPLE_BYTES / rate)
            await self._clock.wait(AHEAD_S)

    async def played(self) -> None:
        await self._clock.wait()

    def stop(self) -> None:
        self._clock.stop()

    async def aclose(self) -> None:
        if self._file is not None:
            self._file.close()
