"""The Node interface: the one way to have an operation performed, wherever it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from ingle.errors import ProtocolError
from ingle.operations import Event, Operation
from ingle.operations.encoded import Passed
from ingle.protocol.piece_stream import PieceStream

E = TypeVar("E", bound=Event)


class Performer(Protocol):
    """Whatever performs operations: a node, or a connection to one."""

    def perform(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """As `Node.perform`."""
        ...


class Node(Protocol):
    """A machine that performs operations.

    `LocalNode` performs them in this process, `SocketNode` asks the node that
    runs on this machine; a paired device is reached the same way.
    """

    def perform(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Perform an operation; its events arrive one by one, with back-pressure.

        ::

            async with node.perform(Chat(model="ember", messages=[...])) as events:
                async for event in events:
                    ...

        Args:
            feed: pieces that are sent into it, for an operation that takes any. Each is
                asked for when there is room for it.

        Leaving the block, by any way, cancels what is still running: the
        engine's slot stops within milliseconds.

        Raises:
            IngleError: on entering or while iterating; the same classes
                wherever the operation runs.
        """
        ...

    def relay(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Passed]]:
        """As `perform`, for those who pass events on: most of them are still encoded."""
        ...

    async def aclose(self) -> None:
        """Let go of the node (and stop it, if this object hosts it)."""
        ...


async def ask(node: Performer, operation: Operation, kind: type[E]) -> E:
    """Perform an operation whose answer is one event of a known kind.

    Other events (progress, status) are passed over.

    Raises:
        ProtocolError: the operation ended without such an event.
    """
    found: E | None = None
    async with node.perform(operation) as events:
        # To the end: an operation that is left early counts as cancelled.
        async for event in events:
            if found is None and isinstance(event, kind):
                found = event
    if found is None:
        raise ProtocolError(f"the operation ended without a {kind.__name__} event")
    return found
