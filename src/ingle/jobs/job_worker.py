"""The process of a job, from its own side: one job, spoken to over one socket.

Started by the node as ``python -m MODULE FD``. The socket brings the job first, then frames of the
protocol; its end is the end of the node, and so that of the process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Generic, Protocol, TypeVar

import msgspec

from ingle.engines import privileges
from ingle.errors import ProtocolError
from ingle.operations import Event, Operation
from ingle.operations.job_events import JobOperation
from ingle.protocol.connection import Connection, PieceStream, SocketStream

LENGTH = struct.Struct(">I")
J = TypeVar("J")


class JobWorker(Protocol):
    """What does the work."""

    idle: asyncio.Event
    """Nothing is under way: the process may end."""

    def serve(self, node: Connection) -> None:
        """Take the connection to the node."""

    def perform(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """As `Node.perform`."""

    def stop(self) -> None:
        """Save what there is, and end."""


class SingleJobWorker(ABC, Generic[J]):
    """A `JobWorker` that performs one operation, whose `events` are all that there is.

    Args:
        job: what the node wants.
    """

    def __init__(self, job: J) -> None:
        self.job = job
        self.node: Connection
        self.stopping = False
        """It is to save what there is, and end: `events` looks at this now and then."""
        self.idle = asyncio.Event()
        self.idle.set()

    @abstractmethod
    def events(self) -> AsyncGenerator[Event, None]:
        """The job's events, while it is worked on."""

    def serve(self, node: Connection) -> None:
        """Take the connection to the node."""
        self.node = node

    def stop(self) -> None:
        """Save what there is, and end."""
        self.stopping = True

    @asynccontextmanager
    async def perform(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """As `Node.perform`."""
        if not isinstance(operation, JobOperation):
            raise ProtocolError("this process only works on its job")
        self.idle.clear()
        try:
            async with aclosing(self.events()) as events:
                yield events
        finally:
            self.idle.set()


def run(job: type[J], make: Callable[[J], JobWorker]) -> None:
    """Be the process. The one argument of the program is the socket's file descriptor.

    Args:
        job: what the node sends first.
    """
    privileges.forbid_looking_in()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s: %(message)s")
    asyncio.run(_serve(int(sys.argv[1]), job, make))


async def _serve(descriptor: int, job: type[J], make: Callable[[J], JobWorker]) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=socket.socket(fileno=descriptor))
    (size,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    worker = make(msgspec.msgpack.decode(await reader.readexactly(size), type=job))
    connection = Connection(SocketStream(reader, writer), answer=worker.perform)
    worker.serve(connection)
    await connection.run()
    worker.stop()  # the node has gone: what was made is saved
    await worker.idle.wait()
    sys.stderr.flush()
    os._exit(0)  # threads may hang, in a sum or in their destructors; nothing is left to lose
