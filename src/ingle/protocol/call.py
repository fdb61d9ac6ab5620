"""`Call`: one operation that the other side performs for us."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from ingle.errors import IngleError
from ingle.operations.encoded import Encoded
from ingle.protocol.frames import PIECES, WINDOW, Cancel, Credit, Frame


class Call:
    """Iterate over it for the events, still encoded.

    `ended` becomes done when the other side has let go of the operation, also after `cancel`.

    Args:
        post: queues a frame for the other side.
    """

    def __init__(self, post: Callable[[Frame], None], stream: int) -> None:
        self._post = post
        self.stream = stream
        self._events: deque[Encoded] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._error: IngleError | None = None
        self._taken = 0
        self._over = False
        self._cancelled = False
        self._room = PIECES
        self._more_room = asyncio.Event()
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
        return self._events.popleft()

    @property
    def over(self) -> bool:
        """The other side has ended it."""
        return self._over

    def cancel(self) -> None:
        """Ask the other side to stop. Events already here stay readable."""
        if not self._over and not self._cancelled:
            self._cancelled = True
            self._post(Cancel(self.stream))

    def push(self, event: Encoded) -> None:
        """An event arrived."""
        self._events.append(event)
        self._wake()

    def finish(self, error: IngleError | None) -> None:
        """The stream ended, or the connection was lost."""
        if self._over:
            return
        self._over = True
        self._error = error
        if not self.ended.done():
            self.ended.set_result(None)
        self._more_room.set()
        self._wake()

    def add_room(self, pieces: int) -> None:
        """The other side takes this many more pieces."""
        self._room += pieces
        self._more_room.set()

    async def take_room(self) -> bool:
        """Wait until the other side takes one more piece. False: the operation is over."""
        while self._room <= 0 and not self._over:
            self._more_room.clear()
            await self._more_room.wait()
        self._room -= 1
        return not self._over

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
