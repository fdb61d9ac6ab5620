"""`Call`: one operation that the other side performs for us."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine

from ingle.errors import IngleError, ProtocolError
from ingle.operations.encoded import Encoded
from ingle.protocol.frames import MAX_PIECE, PIECES, WINDOW, Cancel, Credit, Frame

HELD = WINDOW * MAX_PIECE
"""Bytes of events that one operation may have waiting here: a full window of pieces."""


class Call:
    """Iterate over it for the events, still encoded.

    `ended` becomes done when the other side has let go of the operation, also after `cancel`.

    Args:
        post: queues a frame for the other side.
    """

    def __init__(self, post: Callable[[Frame], None], stream: int) -> None:
        self._post = post
        self.stream = stream
        self.progressed = time.monotonic()
        """When it was begun, or when its last event came or was taken."""
        self._events: deque[Encoded] = deque()
        self._held = 0
        self._waiter: asyncio.Future[None] | None = None
        self._error: IngleError | None = None
        self._taken = 0
        self._over = False
        self.cancelled = False
        """Its caller has left."""
        self._room = PIECES
        self._more_room = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __aiter__(self) -> Call:
        return self

    async def __anext__(self) -> Encoded:
        while not self._events:
            if self._over:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._taken += 1
        if self._taken >= WINDOW // 2:
            self._post(Credit(self.stream, self._taken))
            self._taken = 0
        self.progressed = time.monotonic()
        event = self._events.popleft()
        self._held -= len(event.data)
        return event

    @property
    def held(self) -> bool:
        """Events are here that no one has taken."""
        return bool(self._events)

    def send(self, pieces: Coroutine[None, None, None]) -> None:
        """Run what sends the caller's pieces, for as long as the operation is under way."""
        self._sending = asyncio.create_task(pieces)

    def cancel(self) -> None:
        """Ask the other side to stop. Events already here stay readable."""
        self._stop_sending()
        if not self.ended.done() and not self.cancelled:
            self.cancelled = True
            self._post(Cancel(self.stream))

    def push(self, event: Encoded) -> None:
        """An event arrived.

        Raises:
            ProtocolError: there was no credit for it.
        """
        self.progressed = time.monotonic()
        self._held += len(event.data)
        if len(self._events) >= WINDOW or self._held > HELD:
            raise ProtocolError("received more events than the credit allows")
        self._events.append(event)
        self._wake()

    def fail(self, error: IngleError) -> None:
        """It cannot be done as asked, for a reason on this side: stop it, and tell the reader."""
        if not self._over:
            self._over = True
            self._error = error
            self._wake()
        self.cancel()

    def finish(self, error: IngleError | None) -> None:
        """The other side has let go of it, or the connection was lost."""
        if not self.ended.done():
            self.ended.set_result(None)
        self._stop_sending()
        if not self._over:
            self._over = True
            self._error = error
            self._wake()

    def add_room(self, pieces: int) -> None:
        """The other side takes this many more pieces."""
        self._room += pieces
        self._more_room.set()

    async def take_room(self) -> None:
        """Wait until the other side takes one more piece."""
        while self._room <= 0:
            self._more_room.clear()
            await self._more_room.wait()
        self._room -= 1

    def _stop_sending(self) -> None:
        if self._sending is not None and self._sending is not asyncio.current_task():
            self._sending.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
