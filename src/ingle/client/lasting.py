"""LastingNode: a node that is reached again when it has ended and come back.

For programs that live long, such as the HTTP server: the background node behind
them may be stopped or restarted meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from ingle.client.connect import connect
from ingle.config import Settings
from ingle.node.socket import SocketNode
from ingle.operations import Event, Operation


class LastingNode:
    """See `ingle.node.node.Node`. What is under way when the node ends fails; the next does not.

    Args:
        first: the node as it was reached; its owner closes it.
    """

    def __init__(self, settings: Settings, first: SocketNode) -> None:
        self._settings = settings
        self._current: SocketNode = first
        self._stack = AsyncExitStack()
        self._lock = asyncio.Lock()

    def perform(self, operation: Operation) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        return self._perform(operation)

    async def aclose(self) -> None:
        """Hang up."""
        await self._stack.aclose()

    @asynccontextmanager
    async def _perform(self, operation: Operation) -> AsyncIterator[AsyncIterator[Event]]:
        async with self._lock:
            if self._current.closed:
                node = await connect(self._settings, self._stack, "background")
                assert isinstance(node, SocketNode)
                self._current = node
        async with self._current.perform(operation) as events:
            yield events
