"""One connection: performs operations on the other side, and answers its operations.

Both ends are alike. `Connection.perform` opens a stream and yields its events;
an ``answer`` given at the start serves the streams that the other side opens.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec

from ingle.errors import (
    Busy,
    Cancelled,
    IngleError,
    InvalidRequest,
    NodeUnreachable,
    ProtocolError,
    from_data,
)
from ingle.operations import registry
from ingle.operations.encoded import Encoded, decoded
from ingle.operations.operation import Event, Operation
from ingle.operations.reading import read
from ingle.protocol import capability_versions
from ingle.protocol.call import Call
from ingle.protocol.frames import (
    MAX_FRAME,
    OLDEST,
    VERSION,
    Cancel,
    Credit,
    End,
    EndOfPieces,
    EventFrame,
    Fail,
    Frame,
    FrameReader,
    Hello,
    Open,
    PieceCredit,
    PieceFrame,
    Ping,
    Pong,
    encode,
    failure,
    packed,
    speaks,
)
from ingle.protocol.piece_stream import PieceStream, check_size, closing_iterator
from ingle.protocol.served_operation import Answer, ServedOperation
from ingle.protocol.stream import ByteStream, SocketStream

log = logging.getLogger(__name__)

DRAIN_BYTES = 64 * 1024
"""Unsent bytes at which their producer waits for the transport."""
STREAMS = 1024
REPLIES = 4 * 2**20
"""Bytes of what is answered at once (pings, refusals) that may wait for the transport."""
LARGE = 2 * 2**20
"""A frame of more bytes than this waits for its turn, where turns are given."""


class Connection:
    """The framed protocol over one byte stream.

    Args:
        stream: the transport; the connection owns it from now on.
        answer: performs what the other side asks for; None: it may ask nothing.
        max_frame: largest frame in either direction, in bytes.
        max_first: largest frame taken before the other side's `Hello`; None: as any other.
        max_streams: operations that the other side may have open at once.
        max_inlets: how many of them may be such that take pieces, which are held here.
        lost: what to raise for operations under way when the connection breaks.
        patience: seconds that an answer waits for the other side to take events
            before it is given up; None: for ever.
        turn: shared by connections that may read one large frame at a time, all together.
        gather: seconds that an event may wait for others when it follows closely, for
            transports on which each write is dear.
    """

    def __init__(
        self,
        stream: ByteStream,
        *,
        answer: Answer | None = None,
        max_frame: int = MAX_FRAME,
        max_first: int | None = None,
        max_streams: int = STREAMS,
        max_piece_streams: int = STREAMS,
        lost: Callable[[], IngleError] | None = None,
        patience: float | None = None,
        turn: asyncio.Semaphore | None = None,
        gather: float = 0.0,
    ) -> None:
        self._turn = turn
        self._has_turn = False
        self._patience = patience
        self._stream = stream
        self._answer = answer
        self._max_frame = max_frame
        self._reader = FrameReader(max_frame if max_first is None else max_first)
        self._max_streams = max_streams
        self._max_piece_streams = max_piece_streams
        self._lost = lost or (lambda: NodeUnreachable("the connection to the node was lost"))
        self._numbers = itertools.count(1)
        self._calls: dict[int, Call] = {}
        self._served: dict[int, ServedOperation] = {}
        self._pings: dict[int, asyncio.Future[None]] = {}
        self._closed = False
        self.ended_by: IngleError | None = None
        """Why the other side hung up, if it said so."""
        self._loop = asyncio.get_running_loop()
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._gather = gather
        self._sent = 0.0
        self._late: asyncio.TimerHandle | None = None
        self._soon = False
        self._replied = 0
        self._draining: asyncio.Task[None] | None = None
        self.hello: asyncio.Future[Hello] = asyncio.get_running_loop().create_future()

    @property
    def closed(self) -> bool:
        """The other side is gone, or `close` was called."""
        return self._closed

    @property
    def active(self) -> int:
        """Operations under way, of either side."""
        return len(self._calls) + len(self._served)

    def post(self, frame: Frame) -> None:
        """Queue a frame; frames for a closed connection are dropped.

        All frames of one turn of the loop leave in one write: a write is a
        system call, and wakes the other side.

        Raises:
            ProtocolError: it is larger than the other side takes.
        """
        if self._closed:
            return
        data = encode(frame, self._max_frame)
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        if self._soon:
            return
        wait = self._sent + self._gather - self._loop.time() if self._gather else 0.0
        if wait > 0 and type(frame) is EventFrame:
            if self._late is None:
                self._late = self._loop.call_later(wait, self._flush)
        else:
            self._soon = True
            self._loop.call_soon(self._flush)

    async def drain(self) -> None:
        """Wait while much is unsent."""
        if self._unsent_bytes > DRAIN_BYTES:
            self._flush()
            await self._stream.drain()

    def greet(self, **facts: Any) -> None:
        """Send our `Hello`."""
        self.post(Hello(VERSION, {**facts, "oldest": OLDEST, "speaks": capability_versions.ours()}))

    async def run(self) -> None:
        """Serve the connection until it ends. Raises nothing: a broken peer is a normal event."""
        error: IngleError | None = None
        try:
            while not self._closed and (data := await self._stream.receive()):
                for frame in self._reader.feed(data):
                    self._take(frame)
                    if self._closed:
                        break  # what came after the other side's last word is not begun
                await self._wait_for_turn()
        except ProtocolError as broken:
            log.warning("closing a connection: %s", broken)
            self.post(failure(0, broken))
            error = broken
        finally:
            self._end(error)
            self._reader.forget()
            if self._turn is not None and self._has_turn:
                self._turn.release()

    async def _wait_for_turn(self) -> None:
        """Read on when no other connection is amid a large frame, or when this one is not."""
        large = self._reader.begun > LARGE
        if self._turn is None or large == self._has_turn:
            return
        if large:
            await self._turn.acquire()
        else:
            self._turn.release()
        self._has_turn = large

    def close(self, error: IngleError | None = None) -> None:
        """Drop the connection. Operations under way on either side are cancelled.

        Args:
            error: told to the other side, and raised for the operations that it performs for us.
        """
        if error is not None:
            self.post(failure(0, error))
        self._end(error)

    def call(self, operation: Operation, feed: PieceStream | None = None) -> Call:
        """Open a stream for an operation. The caller must drain it or cancel it.

        Args:
            feed: what is sent into it, as fast as the other side takes it.

        Raises:
            CapabilityMissing: the other side has said that it does not know the operation.
        """
        if self._closed:
            raise self.ended_by or self._lost()
        if self.hello.done() and not self.hello.exception():
            capability_versions.check(operation, self.hello.result())
        number = next(self._numbers)
        call = Call(self.post, number)
        self.post(Open(number, msgspec.Raw(packed(operation))))
        self._calls[number] = call
        if feed is not None:
            call.send(self._pump(call, feed))
        return call

    @asynccontextmanager
    async def relay(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AsyncIterator[AsyncIterator[Encoded]]:
        """Have it performed; events stay encoded. Leaving the block cancels what is under way."""
        call = self.call(operation, feed)
        try:
            yield call
        finally:
            call.cancel()

    @asynccontextmanager
    async def perform(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """As `Node.perform`. Leaving the block cancels what is under way."""
        types = registry.of(operation).types
        async with self.relay(operation, feed) as events, aclosing(decoded(events, types)) as known:
            yield known

    async def ping(self) -> None:
        """Return when the other side has answered. Wrap in a timeout."""
        if self._closed:
            raise self.ended_by or self._lost()
        number = next(self._numbers)
        waiting = self._pings[number] = asyncio.get_running_loop().create_future()
        try:
            self.post(Ping(number))
            await waiting
        finally:
            self._pings.pop(number, None)

    async def _pump(self, call: Call, feed: PieceStream) -> None:
        """Send a caller's pieces. What goes wrong with them ends the call."""
        try:
            async with closing_iterator(aiter(feed)) as pieces:
                await call.take_room()
                async for piece in pieces:
                    data = piece.data if isinstance(piece, Encoded) else packed(piece)
                    check_size(data)
                    self.post(PieceFrame(call.stream, msgspec.Raw(data)))
                    await self.drain()
                    await call.take_room()
                self.post(EndOfPieces(call.stream))
        except IngleError as error:
            call.fail(error)
        except Exception as error:  # the caller's own iterator failed: its events tell it
            call.fail(InvalidRequest(f"the input could not be read: {error!r}"))

    def _take(self, frame: Frame) -> None:
        match frame:
            case EventFrame(stream=stream, event=event):
                call = self._calls.get(stream)
                if call is not None:
                    call.push(Encoded(bytes(event)))
            case End(stream=stream):
                self._finish(stream, None)
            case Fail(stream=0, error=error):  # why the other side closes the connection
                self.ended_by = from_data(error)
                self._end(self.ended_by)
            case Fail(stream=stream, error=error):
                self._finish(stream, from_data(error))
            case Open(stream=stream, operation=operation):
                self._open(stream, bytes(operation))
            case Cancel(stream=stream):
                served = self._served.get(stream)
                if served is not None:
                    served.stop(Cancelled("the caller stopped it"))
            case Credit(stream=stream, items=items):
                served = self._served.get(stream)
                if served is not None:
                    served.give_credit(items)
            case PieceFrame(stream=stream, piece=piece):
                served = self._served.get(stream)
                if served is not None:  # else it has ended; the caller will hear of it
                    served.put(bytes(piece))
            case EndOfPieces(stream=stream):
                served = self._served.get(stream)
                if served is not None and served.pieces_in is not None:
                    served.pieces_in.close()
            case PieceCredit(stream=stream, pieces=pieces):
                call = self._calls.get(stream)
                if call is not None:
                    call.add_room(pieces)
            case Ping(id=number):
                self._reply(Pong(number))
            case Pong(id=number):
                waiting = self._pings.get(number)
                if waiting is not None and not waiting.done():
                    waiting.set_result(None)
            case Hello():
                speaks(frame)
                self._reader.limit = self._max_frame
                if not self.hello.done():
                    self.hello.set_result(frame)

    def _finish(self, stream: int, error: IngleError | None) -> None:
        call = self._calls.pop(stream, None)
        if call is not None:
            call.finish(error)

    def _open(self, stream: int, operation: bytes) -> None:
        if self._answer is None:
            raise ProtocolError("the other side requested an operation, but none is offered here")
        if stream < 1:
            raise ProtocolError(f"invalid stream number {stream}")
        if stream in self._served:
            raise ProtocolError(f"stream {stream} was opened twice")
        try:
            if len(self._served) >= self._max_streams:
                raise Busy(
                    f"{self._max_streams} operations are already open on this connection",
                    limit=self._max_streams,
                )
            served = ServedOperation(self, stream, read(operation), self._patience)
            if served.pieces_in is not None:
                self._check_piece_streams()
        except IngleError as error:  # also a plug-in's that cannot be used
            self._reply(failure(stream, error))
            return
        self._served[stream] = served
        served.start(self._answer, ended=lambda: self._served.pop(stream, None))

    def _reply(self, frame: Frame) -> None:
        """Answer at once, without a task that could wait for the transport.

        Raises:
            ProtocolError: the other side asks on and on, and reads nothing.
        """
        before = self._unsent_bytes
        self.post(frame)
        self._replied += self._unsent_bytes - before
        if self._replied > REPLIES:
            raise ProtocolError("the other side does not read its answers")
        if self._replied > DRAIN_BYTES and self._draining is None:
            self._draining = asyncio.create_task(self._drained())

    async def _drained(self) -> None:
        self._flush()
        await self._stream.drain()
        self._replied = 0
        self._draining = None

    def _check_piece_streams(self) -> None:
        """Raises Busy: what the other side sends in would be held for too many operations."""
        if (
            sum(served.pieces_in is not None for served in self._served.values())
            >= self._max_piece_streams
        ):
            raise Busy(
                f"{self._max_piece_streams} operations that take input are open on this connection",
                limit=self._max_piece_streams,
            )

    def _flush(self) -> None:
        data, self._unsent, self._unsent_bytes = b"".join(self._unsent), [], 0
        self._soon = False
        if self._late is not None:
            self._late.cancel()
            self._late = None
        if data:
            self._sent = self._loop.time()
            self._stream.send(data)

    def _end(self, error: IngleError | None) -> None:
        if self._closed:
            return
        self._flush()
        self._closed = True
        self._stream.close()
        if self._draining is not None:
            self._draining.cancel()
        for served in list(self._served.values()):
            served.stop(Cancelled("the connection has ended"))
        calls, self._calls = list(self._calls.values()), {}
        for call in calls:
            call.finish(error or self._lost())
        for waiting in self._pings.values():
            if not waiting.done():
                waiting.set_exception(self._lost())
        if not self.hello.done():
            self.hello.set_exception(error or self._lost())
            self.hello.exception()  # someone may be waiting; no one has to


__all__ = ["Answer", "ByteStream", "Call", "Connection", "PieceStream", "SocketStream"]
