"""The sending half of a streamed answer."""

from __future__ import annotations

import asyncio
import time

from starlette.types import Send

Headers = list[tuple[bytes, bytes]]


class Outbox:
    """Collects chunks and sends what is ready as one body message.

    Pieces that are ready in the same turn of the event loop leave together, so
    a fast model costs one system call per turn and not one per token. A client
    that reads slowly fills the outbox, and ``room`` makes the engine wait.

    It stands on asyncio's events and not anyio's: uvicorn runs on asyncio, and
    this is the path of every token (an anyio event is made again for each use).
    """

    def __init__(self, send: Send, headers: Headers, *, pending_bytes: int) -> None:
        self._send = send
        self._headers = headers
        self._limit = pending_bytes
        self._chunks: list[bytes] = []
        self._size = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._ended = False
        self._sending_since = 0.0
        self.started = False
        """The status line is on its way: an error can no longer change it."""

    def put(self, chunk: bytes) -> None:
        """Add bytes to the answer."""
        self._chunks.append(chunk)
        self._size += len(chunk)
        self._wake.set()

    @property
    def full(self) -> bool:
        """Whether the producer should wait for `room`."""
        return self._size > self._limit

    @property
    def stalled_s(self) -> float:
        """For how long the client has taken nothing of what is being sent."""
        return time.monotonic() - self._sending_since if self._sending_since else 0.0

    async def room(self) -> None:
        """Wait until the client has taken what is pending."""
        self._room.clear()
        await self._room.wait()

    def finish(self) -> None:
        """No more will be put: `run` sends what is left and returns."""
        self._ended = True
        self._wake.set()

    async def run(self) -> None:
        """Send until `finish`; runs beside the producer."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                ended = self._ended
                await self.flush(more=not ended)
                if ended:
                    return
        finally:
            # If sending failed, no one may wait for room for ever.
            self._room.set()

    async def flush(self, *, more: bool) -> None:
        """Send what is pending now."""
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        self._sending_since = time.monotonic()
        if not self.started:
            self.started = True
            await self._send(
                {"type": "http.response.start", "status": 200, "headers": self._headers}
            )
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
        self._sending_since = 0.0
        self._room.set()
