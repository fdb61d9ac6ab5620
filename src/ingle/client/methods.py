"""`Methods`: what a capability's Python methods are built on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TypeVar

from ingle.config import Settings
from ingle.errors import ProtocolError
from ingle.node.node import Node, ask
from ingle.operations import Event, Operation
from ingle.operations.job_events import JobEnded, JobOperation, JobSummary

E = TypeVar("E", bound=Event)


class Methods:
    """A node and the settings. A capability's own class adds a method for what it can do.

    Methods are coroutines or asynchronous generators; their blocking twins are made from them.
    """

    def __init__(self, node: Node, settings: Settings) -> None:
        self.node = node
        """The `Node` behind it, for operations that have no method here."""
        self.settings = settings

    async def ask(self, operation: Operation, kind: type[E]) -> E:
        """Perform an operation whose answer is one event of a known kind."""
        return await ask(self.node, operation, kind)

    async def events(self, operation: Operation) -> AsyncGenerator[Event, None]:
        """Perform any operation; yields its events. Closing the iterator cancels it."""
        async with self.node.perform(operation) as events:
            async for event in events:
                yield event

    async def finished(self, request: JobOperation) -> JobSummary:
        """Begin a job, and wait for its end.

        Raises:
            IngleError: what ended it.
        """
        ended: JobEnded | None = None
        async for event in self.events(request):
            if isinstance(event, JobEnded):
                ended = event
        if ended is None:
            raise ProtocolError("the job did not come to its end")
        return ended.job
