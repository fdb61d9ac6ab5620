"""Jobs that are followed while other things are done."""

from __future__ import annotations

import asyncio
from typing import Any

from ingle.client.home import AsyncHome
from ingle.operations import Event, Operation
from ingle.operations.job_events import JobEnded, JobNote, JobProgress


class Watched:
    """An operation about a job, followed in a task of its own."""

    def __init__(self, node: Any, request: Operation) -> None:
        self._node = node.node if isinstance(node, AsyncHome) else node
        self._request = request
        self.events: list[Event] = []
        self._more = asyncio.Condition()
        self.task = asyncio.create_task(self._watch())
        self.task.add_done_callback(lambda _: asyncio.ensure_future(self._wake()))

    async def _watch(self) -> Event:
        async with self._node.perform(self._request) as events:
            async for event in events:
                self.events.append(event)
                await self._wake()
        return self.events[-1]

    async def _wake(self) -> None:
        async with self._more:
            self._more.notify_all()

    async def reaches(self, number: int) -> JobProgress:
        """Return when it has come so far."""

        def there() -> bool:
            return self.task.done() or bool(self.progress and self.progress[-1].done >= number)

        async with asyncio.timeout(30), self._more:
            await self._more.wait_for(there)
        assert self.progress, self.task.exception()
        assert self.progress[-1].done >= number, self.events
        return self.progress[-1]

    async def notes(self, text: str) -> None:
        """Return when it has told this."""

        def there() -> bool:
            return self.task.done() or any(text in note for note in self.told)

        async with asyncio.timeout(30), self._more:
            await self._more.wait_for(there)
        assert any(text in note for note in self.told), self.events

    async def ended(self) -> JobEnded:
        """Its last event."""
        async with asyncio.timeout(30):
            last = await self.task
        assert isinstance(last, JobEnded), last
        return last

    @property
    def progress(self) -> list[JobProgress]:
        return [event for event in self.events if isinstance(event, JobProgress)]

    @property
    def told(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, JobNote)]
