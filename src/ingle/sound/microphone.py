"""The microphone, by PortAudio (the package sounddevice): raw PCM in pieces, as it is said.

The only part of `ingle.sound` that is used outside of workers: they see no device.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from ingle.errors import MicrophoneUnavailable
from ingle.sound.portaudio import port_audio

RATE = 16_000
PIECE_S = 0.05
MOST_WAITING = 600
"""Pieces that wait for someone to take them: half a minute."""


async def microphone(device: str = "") -> AsyncGenerator[bytes, None]:
    """What is said, until the iterator is closed: mono, 16 bits, `RATE` samples per second.

    Args:
        device: its name or a part of it; empty: the system's choice.

    Raises:
        EngineMissing: sounddevice or PortAudio is not installed.
        MicrophoneUnavailable: there is none, another program has it, or it was taken away.
    """
    sounddevice = port_audio("the microphone")
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[bytes] = asyncio.Queue(MOST_WAITING)
    lost = asyncio.Event()

    def put(data: bytes) -> None:
        if waiting.full():
            lost.set()
        else:
            waiting.put_nowait(data)

    def heard(data: Any, frames: int, when: Any, status: Any) -> None:
        loop.call_soon_threadsafe(put, bytes(data))

    try:
        stream = sounddevice.RawInputStream(
            samplerate=RATE,
            channels=1,
            dtype="int16",
            blocksize=int(RATE * PIECE_S),
            device=device or None,
            callback=heard,
        )
        stream.start()
    except (sounddevice.PortAudioError, ValueError) as error:
        raise MicrophoneUnavailable(
            f"the microphone cannot be opened: {error}",
            hint="connect one, or close the program that uses it",
            device=device,
        ) from None
    try:
        while True:
            yield await _next(waiting, stream)
            if lost.is_set():
                raise MicrophoneUnavailable(
                    "sound of the microphone was lost, since nothing took it for 30 s",
                    hint="use a smaller model",
                )
    finally:
        stream.close()


async def _next(waiting: asyncio.Queue[bytes], stream: Any) -> bytes:
    while True:
        try:
            return await asyncio.wait_for(waiting.get(), 2.0)
        except TimeoutError:
            if not stream.active:
                raise MicrophoneUnavailable(
                    "the microphone has stopped", hint="connect it again"
                ) from None
