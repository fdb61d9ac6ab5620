"""`ReconnectingNode`: the node of this machine, in another process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

from ingle.client.upgrade import gone
from ingle.errors import NodeUnreachable
from ingle.node.socket import SocketNode
from ingle.operations import Event, Operation, registry
from ingle.operations.encoded import Passed, decoded
from ingle.protocol.piece_stream import PieceStream, ReplayablePieces

HANDED_OVER = 3
"""Nodes that one operation may find to be ending for a newer version, one after another."""


class ReconnectingNode:
    """Reached (or started) again if that process has ended. See `ingle.node.node.Node`.

    Args:
        again: how it is reached again.
    """

    def __init__(self, node: SocketNode, again: Callable[[], Awaitable[SocketNode]]) -> None:
        self._node = node
        self._again = again
        self._one_at_a_time = asyncio.Lock()

    @asynccontextmanager
    async def perform(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        types = registry.of(operation).types
        async with self.relay(operation, feed) as events, aclosing(decoded(events, types)) as known:
            yield known

    @asynccontextmanager
    async def relay(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AsyncIterator[AsyncIterator[Passed]]:
        async with AsyncExitStack() as stack:
            pieces = None if feed is None else ReplayablePieces(feed)
            if pieces is not None:
                stack.push_async_callback(pieces.aclose)
            yield await stack.enter_async_context(aclosing(self._events(operation, pieces)))

    async def aclose(self) -> None:
        """Hang up. The node stays."""
        await self._node.aclose()

    async def _events(
        self, operation: Operation, feed: ReplayablePieces | None
    ) -> AsyncGenerator[Passed, None]:
        """The events, from the next node if this one ends for it before it has begun."""
        for left in reversed(range(HANDED_OVER)):
            node = await self._reached()
            begun = False
            try:
                async with node.relay(operation, feed) as events:
                    async for event in events:
                        begun = True
                        yield event
                return
            except NodeUnreachable as error:
                handed_over = error.details.get("handed_over") is True
                sent = feed is not None and not feed.whole
                if begun or sent or not handed_over or not left:
                    raise
                await gone(node)

    async def _reached(self) -> SocketNode:
        async with self._one_at_a_time:
            if self._node.closed:
                await self._node.aclose()
                self._node = await self._again()
            return self._node
