"""Several operations performed at once, their events as one stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from ingle.errors import IngleError
from ingle.node.node import Node
from ingle.operations import Event, Operation

Placed = tuple[int, Event | IngleError]
"""The position of the operation, and its event or what ended it."""


@asynccontextmanager
async def perform_all(
    node: Node, operations: Sequence[Operation], *, at_once: int, tell: Callable[[int], None]
) -> AsyncIterator[AsyncIterator[Event]]:
    """Perform operations, at most ``at_once`` at the same time, as if they were one.

    Before each event ``tell`` is given the position of its operation. Leaving
    the block cancels what is still running; the first failure is raised while
    iterating.
    """
    send, receive = anyio.create_memory_object_stream[Placed](0)
    gate = anyio.Semaphore(at_once)
    failure: IngleError | None = None

    async def one(position: int, operation: Operation, out: MemoryObjectSendStream[Placed]) -> None:
        async with out, gate:
            try:
                async with node.perform(operation) as events:
                    async for event in events:
                        await out.send((position, event))
            except IngleError as error:
                await out.send((position, error))

    async with anyio.create_task_group() as group, receive:
        for position, operation in enumerate(operations):
            group.start_soon(one, position, operation, send.clone())
        send.close()
        async with aclosing(_told(receive, tell)) as events:
            try:
                yield events
            except IngleError as error:
                # Kept aside: a task group would wrap it in an exception group.
                failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _told(
    receive: MemoryObjectReceiveStream[Placed], tell: Callable[[int], None]
) -> AsyncGenerator[Event, None]:
    async for position, item in receive:
        if isinstance(item, IngleError):
            raise item
        tell(position)
        yield item
