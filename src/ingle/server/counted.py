"""`CountedNode`: a node whose use is counted in the metrics, whatever its unit.

Tokens are counted where answers are made, by kind; what other capabilities use is counted here.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager

from ingle.node.node import Node
from ingle.operations import Event, Operation, Started, registry
from ingle.operations.capability import Cost, Tally
from ingle.operations.encoded import Passed
from ingle.operations.tokens import UNIT
from ingle.protocol.piece_stream import PieceStream
from ingle.server.metrics import Metrics


class CountedNode:
    """See `ingle.node.node.Node`."""

    def __init__(self, node: Node, metrics: Metrics) -> None:
        self._node = node
        self._metrics = metrics

    def perform(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        cost = registry.of(operation).cost
        if not isinstance(cost, Cost) or cost.unit == UNIT:
            return self._node.perform(operation, feed)
        return self._counted(operation, feed, cost)

    def relay(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Passed]]:
        return self._node.relay(operation, feed)

    async def aclose(self) -> None:
        await self._node.aclose()

    @asynccontextmanager
    async def _counted(
        self, operation: Operation, feed: PieceStream | None, cost: Cost
    ) -> AsyncIterator[AsyncIterator[Event]]:
        tally = cost.tally(operation, 0.0)
        name = registry.of(operation).name
        model = str(getattr(operation, "model", ""))

        async def passing(events: AsyncIterator[Event]) -> AsyncGenerator[Event, None]:
            nonlocal model
            async for event in events:
                tally.add(event)
                if isinstance(event, Started):
                    model = event.model
                yield event

        try:
            async with (
                self._node.perform(operation, feed) as events,
                aclosing(passing(events)) as counted,
            ):
                yield counted
        finally:
            self._metrics.used(name, model, cost.unit, _amount(tally))


def _amount(tally: Tally) -> float:
    return max(0.0, tally.used)
