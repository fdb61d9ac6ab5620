"""`Live`: a run that goes on, and all who follow it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable

from ingle.capabilities.train.operation import TrainingNote, TrainingProgress
from ingle.errors import IngleError
from ingle.operations import Event

NOTES = 50
"""What was told before is told again to whoever comes later, as far back as this."""
WAITING = 10_000
"""Events that wait for a slow follower; beyond that it misses steps."""

Stop = Callable[[bool], Awaitable[None]]
"""Have it save and stop; true: for good, its adapter is kept."""


class Live:
    """Events of one run, for any number of followers.

    Args:
        stop: tells whoever trains.
    """

    def __init__(self, name: str, stop: Stop) -> None:
        self.name = name
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stop = stop
        self._notes: deque[TrainingNote] = deque(maxlen=NOTES)
        self._last: TrainingProgress | None = None
        self._error: IngleError | None = None
        self._followers: set[asyncio.Queue[Event | None]] = set()

    def tell(self, event: Event) -> None:
        """An event has come."""
        if isinstance(event, TrainingNote):
            self._notes.append(event)
        elif isinstance(event, TrainingProgress):
            self._last = event
        for queue in self._followers:
            if queue.qsize() < WAITING or not isinstance(event, TrainingProgress):
                queue.put_nowait(event)

    def end(self, error: IngleError | None) -> None:
        """It is over."""
        self._error = error
        self.ended.set_result(None)
        for queue in self._followers:
            queue.put_nowait(None)

    async def stop(self, keep: bool) -> None:
        """Have it save and stop, and wait until it has."""
        await self._stop(keep)
        await asyncio.shield(self.ended)

    async def follow(self) -> AsyncGenerator[Event, None]:
        """Its events, from the notes and the last step that it told on.

        Raises:
            IngleError: what ended it.
        """
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        for note in self._notes:
            queue.put_nowait(note)
        if self._last is not None:
            queue.put_nowait(self._last)
        if self.ended.done():
            queue.put_nowait(None)
        self._followers.add(queue)
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self._followers.discard(queue)
        if self._error is not None:
            raise self._error
