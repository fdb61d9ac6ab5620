"""Two ends of a real socket pair: a `Connection`, and a hand that writes and reads frames."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from ingle.operations import Operation
from ingle.operations.encoded import Passed
from ingle.protocol import frames
from ingle.protocol.connection import Connection, PieceStream, SocketStream
from ingle.protocol.frames import Frame, FrameReader, Open

Perform = Callable[[Operation, PieceStream | None], AsyncIterator[Passed]]
"""An async generator function of an operation's events."""
SOON_S = 5.0


def raw(value: object) -> msgspec.Raw:
    """A struct, or anything a later version may send, as the content of a frame."""
    return msgspec.Raw(msgspec.msgpack.encode(value))


def opened(stream: int, **fields: Any) -> Open:
    """An operation as plain data: also one that today's code cannot make."""
    return Open(stream, raw(fields))


class Hand:
    """The other side of a connection, frame by frame."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader()
        self._waiting: list[Frame] = []

    def send(self, *some: Frame) -> None:
        """Write frames."""
        self.write(b"".join(frames.encode(frame) for frame in some))

    def send_body(self, body: object) -> None:
        """Write a frame that today's code does not know."""
        data = msgspec.msgpack.encode(body)
        self.write(struct.pack(">I", len(data)) + data)

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def drained(self) -> None:
        """Let the other side come to it, although it may not read all."""
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(0.05):
                await self._writer.drain()
        await asyncio.sleep(0)

    async def take(self) -> Frame | None:
        """The next frame; None: the connection was closed."""
        async with asyncio.timeout(SOON_S):
            while not self._waiting:
                data = await self._reader.read(1 << 16)
                if not data:
                    return None
                self._waiting += self._frames.feed(data)
        return self._waiting.pop(0)

    async def until(self, *kinds: type[Any], stream: int | None = None) -> Any:
        """The next frame of some kinds (and of a stream); others are passed over."""
        while (frame := await self.take()) is not None:
            if isinstance(frame, kinds) and stream in (None, getattr(frame, "stream", None)):
                return frame
        raise AssertionError("the connection was closed")

    async def quiet(self) -> None:
        """Return when everything sent so far was read by the other side."""
        self.send(frames.Ping(99))
        await self.until(frames.Pong)

    def close(self) -> None:
        self._writer.close()


def answering(perform: Perform) -> Any:
    """The `Answer` of a connection from an async generator function."""

    @asynccontextmanager
    async def answer(
        operation: Operation, feed: PieceStream | None
    ) -> AsyncIterator[AsyncIterator[Passed]]:
        async with contextlib.aclosing(perform(operation, feed)) as events:  # type: ignore[type-var]
            yield events

    return answer


@asynccontextmanager
async def connection(
    perform: Perform | None = None, **options: Any
) -> AsyncIterator[tuple[Hand, Connection]]:
    """A hand, and the connection at the other end."""
    ends = socket.socketpair()
    hand = Hand(*await asyncio.open_unix_connection(sock=ends[0]))
    answer = None if perform is None else answering(perform)
    stream = SocketStream(*await asyncio.open_unix_connection(sock=ends[1]))
    theirs = Connection(stream, answer=answer, **options)
    running = asyncio.create_task(theirs.run())
    try:
        yield hand, theirs
    finally:
        hand.close()
        theirs.close()
        await running


@asynccontextmanager
async def joined(
    perform: Perform, ours: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[tuple[Connection, Connection]]:
    """Two connections: one that asks, one that answers."""
    ends = socket.socketpair()
    streams = [SocketStream(*await asyncio.open_unix_connection(sock=end)) for end in ends]
    asks = Connection(streams[0], **(ours or {}))
    answers = Connection(streams[1], answer=answering(perform), **options)
    running = [asyncio.create_task(each.run()) for each in (asks, answers)]
    try:
        yield asks, answers
    finally:
        asks.close()
        answers.close()
        await asyncio.gather(*running)


def sending() -> set[asyncio.Task[Any]]:
    """Tasks that still send someone's pieces."""
    return {task for task in asyncio.all_tasks() if "_pump" in repr(task.get_coro())}
