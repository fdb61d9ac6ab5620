"""One stretch of the user's sound, transcribed while it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from ingle.capabilities.transcribe.operation import SAMPLE_BYTES, Transcribe
from ingle.errors import InvalidRequest
from ingle.node.node import Node
from ingle.operations import Event
from ingle.operations.operation import Bytes

PIECE = 1 << 18
MOST_WAITING = 32 << 20
"""Bytes that may be waiting for the transcription: eleven minutes at 24 kHz."""


class Hearing:
    """From its first sound to a commit, or to the end of the session.

    Args:
        tell: is given each event. What it raises ends the hearing.
    """

    def __init__(
        self, node: Node, request: Transcribe, tell: Callable[[Event], Awaitable[None]]
    ) -> None:
        self._node = node
        self._request = request
        self._tell = tell
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue()
        self._waiting = 0
        self.heard = 0
        """Bytes that were given."""
        self.task = asyncio.create_task(self._transcribe())

    def add(self, data: bytes) -> None:
        """More sound.

        Raises:
            InvalidRequest: too much of it waits already.
        """
        if self._waiting + len(data) > MOST_WAITING:
            raise InvalidRequest(
                "sound comes faster than it is transcribed: some of it was left out",
                hint="send it as fast as it is spoken",
                field="audio",
            )
        self._waiting += len(data)
        self.heard += len(data)
        for at in range(0, len(data), PIECE):
            self._pieces.put_nowait(data[at : at + PIECE])

    @property
    def heard_ms(self) -> int:
        """The same in milliseconds."""
        return 1000 * self.heard // (SAMPLE_BYTES[self._request.encoding] * self._request.rate)

    def end(self) -> None:
        """Nothing follows; what is waiting is still transcribed."""
        self._pieces.put_nowait(b"")

    async def stop(self) -> None:
        """Transcribe no more of it."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _transcribe(self) -> None:
        async with self._node.perform(self._request, self._feed()) as events:
            async for event in events:
                await self._tell(event)

    async def _feed(self) -> AsyncGenerator[Bytes, None]:
        while data := await self._pieces.get():
            self._waiting -= len(data)
            yield Bytes(data=data)
