"""`RunningJob`: a job that is being worked on, and all who follow it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from pathlib import Path

from ingle.errors import IngleError
from ingle.jobs.kind import JobKind, Stop, Told
from ingle.operations import Event
from ingle.operations.job_events import JobNote, JobOperation, JobProgress

NOTES = 50
"""What was told before is told again to a follower who comes later, as far back as this."""
WAITING = 10_000
"""Events that wait for a slow follower; beyond that it misses progress."""


class RunningJob:
    """The events of one job, for any number of followers."""

    def __init__(self, kind: JobKind, name: str, folder: Path) -> None:
        self.kind = kind
        self.name = name
        self.folder = folder
        self.request: JobOperation | None = None
        """What was asked; None: only to end it as it is."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.asked = ""
        """``paused`` or ``stopped``: what it was told to be."""
        self.closed = False
        """It was stopped by closing its generator, since there is no other way (yet)."""
        self.began = asyncio.Event()
        """Its task runs: one that is cancelled before that never tells its end."""
        self.task: asyncio.Task[None]
        """Works on it."""
        self._stop: Stop | None = None
        self._notes: deque[Event] = deque(maxlen=NOTES)
        self._last: Event | None = None
        self._error: IngleError | None = None
        self._followers: set[asyncio.Queue[Event | None]] = set()

    def stoppable(self, stop: Stop) -> None:
        """From now on this has it save and stop."""
        self._stop = stop

    def tell(self, event: Event, told: Told | None) -> None:
        """An event has come, and means this."""
        if isinstance(told, JobNote):
            self._notes.append(event)
        elif isinstance(told, JobProgress):
            self._last = event
        for queue in self._followers:
            if queue.qsize() < WAITING or not isinstance(told, JobProgress):
                queue.put_nowait(event)

    def end(self, error: IngleError | None) -> None:
        """It is over."""
        self._error = error
        self.ended.set_result(None)
        for queue in self._followers:
            queue.put_nowait(None)

    async def stop(self, keep: bool) -> None:
        """Have it save and stop, and wait until it has.

        Args:
            keep: for good; what it made so far is kept.
        """
        before = self.asked
        if before != "stopped":
            self.asked = "stopped" if keep or not self.kind.resumable else "paused"
        await self.began.wait()
        if self._stop is not None:
            try:
                await self._stop(keep)
            except IngleError:
                self.asked = before  # it was not told
                raise
        elif not self.closed and not self.ended.done():
            self.closed = True
            self.task.cancel()
        await asyncio.shield(self.ended)

    async def follow(self) -> AsyncGenerator[Event, None]:
        """Its events: the latest notes and the last progress, then all that come.

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
