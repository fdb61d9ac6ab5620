"""One connection: performs operations on the other side, and answers its operations.

Both ends are alike. `Connection.perform` opens a stream and yields its events;
an ``answer`` given at the start serves the streams that the other side opens.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
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
from ingle.operations.encoded import Encoded, Passed, decoded, tag
from ingle.operations.events import Started
from ingle.operations.operation import Event, Operation
from ingle.operations.reading import Asked, read
from ingle.protocol import spoken
from ingle.protocol.call import Call
from ingle.protocol.frames import (
    MAX_FRAME,
    OLDEST,
    VERSION,
    WINDOW,
    Cancel,
    Close,
    Credit,
    End,
    Fail,
    Frame,
    FrameReader,
    Hello,
    Item,
    Open,
    Ping,
    Pong,
    Put,
    Room,
    encode,
    packed,
    speaks,
)
from ingle.protocol.inlet import Feed, Inlet
from ingle.protocol.stream import ByteStream, SocketStream

log = logging.getLogger(__name__)

DRAIN_BYTES = 64 * 1024
"""Unsent bytes at which whoever produces them waits for the transport."""

Answer = Callable[[Operation, Feed | None], AbstractAsyncContextManager[AsyncIterator[Passed]]]
"""Performs an operation; the second is what its caller sends in, where it takes anything."""


class _Served:
    """A stream that the other side opened: the task that answers it, and its credit."""

    def __init__(self, inlet: Inlet | None) -> None:
        self.task: asyncio.Task[None] | None = None
        self.inlet = inlet
        self.credit = WINDOW
        self.more = asyncio.Event()
        self.refused: IngleError | None = None
        """Why it is stopped, if not because the caller wants it."""


class Connection:
    """The framed protocol over one byte stream.

    Args:
        stream: the transport; the connection owns it from now on.
        answer: performs what the other side asks for; None: it may ask nothing.
        max_frame: largest frame taken from the other side, in bytes.
        max_streams: operations that the other side may have open at once.
        lost: what to raise for operations under way when the connection breaks.
        patience: seconds that an answer waits for the other side to take events
            before it is given up; None: for ever.
        gather: seconds that an event may wait for others when it follows closely, for
            transports on which each write is dear.
    """

    def __init__(
        self,
        stream: ByteStream,
        *,
        answer: Answer | None = None,
        max_frame: int = MAX_FRAME,
        max_streams: int = 1024,
        lost: Callable[[], IngleError] | None = None,
        patience: float | None = None,
        gather: float = 0.0,
    ) -> None:
        self._patience = patience
        self._stream = stream
        self._answer = answer
        self._reader = FrameReader(max_frame)
        self._max_streams = max_streams
        self._lost = lost or (lambda: NodeUnreachable("the connection to the node was lost"))
        self._numbers = itertools.count(1)
        self._calls: dict[int, Call] = {}
        self._pumps: set[asyncio.Task[None]] = set()
        self._served: dict[int, _Served] = {}
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
        """
        if self._closed:
            return
        data = encode(frame)
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        if self._soon:
            return
        wait = self._sent + self._gather - self._loop.time() if self._gather else 0.0
        if wait > 0 and type(frame) is Item:
            if self._late is None:
                self._late = self._loop.call_later(wait, self._flush)
        else:
            self._soon = True
            self._loop.call_soon(self._flush)

    def greet(self, **facts: Any) -> None:
        """Send our `Hello`."""
        self.post(Hello(VERSION, {**facts, "oldest": OLDEST, "speaks": spoken.ours()}))

    async def run(self) -> None:
        """Serve the connection until it ends. Raises nothing: a broken peer is a normal event."""
        error: IngleError | None = None
        try:
            while data := await self._stream.receive():
                for frame in self._reader.feed(data):
                    self._take(frame)
        except ProtocolError as broken:
            log.warning("closing a connection: %s", broken)
            self.post(Fail(0, broken.to_data()))
            error = broken
        finally:
            self._end(error)

    def close(self, error: IngleError | None = None) -> None:
        """Drop the connection. Operations under way on either side are cancelled.

        Args:
            error: told to the other side, and raised for the operations that it performs for us.
        """
        if error is not None:
            self.post(Fail(0, error.to_data()))
        self._end(error)

    def call(self, operation: Operation, feed: Feed | None = None) -> Call:
        """Open a stream for an operation. The caller must drain it or cancel it.

        Args:
            feed: what is sent into it, as fast as the other side takes it.

        Raises:
            CapabilityMissing: the other side has said that it does not know the operation.
        """
        if self._closed:
            raise self.ended_by or self._lost()
        if self.hello.done() and not self.hello.exception():
            spoken.check(operation, self.hello.result())
        number = next(self._numbers)
        call = Call(self.post, number)
        self.post(Open(number, msgspec.Raw(packed(operation))))
        self._calls[number] = call
        if feed is not None:
            pump = asyncio.create_task(self._pump(call, feed))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)
        return call

    @asynccontextmanager
    async def relay(
        self, operation: Operation, feed: Feed | None = None
    ) -> AsyncIterator[AsyncIterator[Encoded]]:
        """Have it performed; events stay encoded. Leaving the block cancels what is under way."""
        call = self.call(operation, feed)
        try:
            yield call
        finally:
            call.cancel()

    @asynccontextmanager
    async def perform(
        self, operation: Operation, feed: Feed | None = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """As `Node.perform`. Leaving the block cancels what is under way."""
        types = registry.of(operation).types
        async with self.relay(operation, feed) as events, aclosing(decoded(events, types)) as known:
            yield known

    async def ping(self) -> None:
        """Return when the other side has answered. Wrap in a timeout."""
        number = next(self._numbers)
        waiting = self._pings[number] = asyncio.get_running_loop().create_future()
        try:
            self.post(Ping(number))
            await waiting
        finally:
            self._pings.pop(number, None)

    async def _pump(self, call: Call, feed: Feed) -> None:
        """Send a caller's pieces. What goes wrong with them ends the call."""
        try:
            async for piece in feed:
                data = piece.data if isinstance(piece, Encoded) else packed(piece)
                if not await call.take_room():
                    return
                self.post(Put(call.stream, msgspec.Raw(data)))
                if self._unsent_bytes > DRAIN_BYTES:
                    self._flush()
                    await self._stream.drain()
        except IngleError as error:
            call.cancel()
            call.finish(error)
        except Exception as error:  # the caller's own iterator failed: its events tell it
            call.cancel()
            call.finish(InvalidRequest(f"what was to be sent could not be read: {error!r}"))
        else:
            self.post(Close(call.stream))

    def _take(self, frame: Frame) -> None:
        match frame:
            case Item(stream=stream, event=event):
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
                if served is not None and served.task is not None:
                    served.task.cancel()
            case Credit(stream=stream, items=items):
                served = self._served.get(stream)
                if served is not None:
                    served.credit += items
                    served.more.set()
            case Put(stream=stream, piece=piece):
                self._put(stream, bytes(piece))
            case Close(stream=stream):
                served = self._served.get(stream)
                if served is not None and served.inlet is not None:
                    served.inlet.close()
            case Room(stream=stream, pieces=pieces):
                call = self._calls.get(stream)
                if call is not None:
                    call.add_room(pieces)
            case Ping(id=number):
                self.post(Pong(number))
            case Pong(id=number):
                waiting = self._pings.get(number)
                if waiting is not None and not waiting.done():
                    waiting.set_result(None)
            case Hello():
                speaks(frame)
                if not self.hello.done():
                    self.hello.set_result(frame)

    def _finish(self, stream: int, error: IngleError | None) -> None:
        call = self._calls.pop(stream, None)
        if call is not None:
            call.finish(error)

    def _open(self, stream: int, operation: bytes) -> None:
        if self._answer is None:
            raise ProtocolError("the other side asked for an operation; nothing is offered here")
        if stream in self._served:
            raise ProtocolError(f"stream {stream} was opened twice")
        if len(self._served) >= self._max_streams:
            full = Busy(
                f"{self._max_streams} operations are open on this connection already",
                limit=self._max_streams,
            )
            self.post(Fail(stream, full.to_data()))
            return
        try:
            asked = read(operation)
        except IngleError as error:  # the request's, or a plug-in's that cannot be used
            self.post(Fail(stream, error.to_data()))
            return
        inlet = Inlet(self.post, stream) if asked.capability.inputs else None
        served = self._served[stream] = _Served(inlet)
        served.task = asyncio.create_task(self._respond(stream, asked, served))
        served.task.add_done_callback(lambda task: self._responded(stream, task))

    def _put(self, stream: int, piece: bytes) -> None:
        served = self._served.get(stream)
        if served is None or served.task is None:
            return  # it has ended; the caller will hear of it
        try:
            if served.inlet is None:
                raise InvalidRequest("this operation takes no input stream", field="input")
            served.inlet.push(Encoded(piece))
        except InvalidRequest as error:
            served.refused = error
            served.task.cancel()

    async def _respond(self, stream: int, asked: Asked, served: _Served) -> None:
        assert self._answer is not None
        try:
            async with self._answer(asked.operation, served.inlet) as answer:
                events = _noting(answer, asked.ignored) if asked.ignored else answer
                async for event in events:
                    while served.credit <= 0:
                        served.more.clear()
                        await self._wait_for_credit(served)
                    served.credit -= 1
                    data = event.data if type(event) is Encoded else packed(event)  # type: ignore[arg-type]
                    self.post(Item(stream, msgspec.Raw(data)))
                    if self._unsent_bytes > DRAIN_BYTES:
                        self._flush()
                        await self._stream.drain()
        except IngleError as error:
            self.post(Fail(stream, error.to_data()))
        except Exception as error:
            # The border of the process: a bug of ours must not take the other
            # operations of this connection with it, and must not stay silent.
            log.exception("an operation failed unexpectedly")
            self.post(Fail(stream, IngleError(f"internal error: {error!r}").to_data()))
        else:
            self.post(End(stream))

    async def _wait_for_credit(self, served: _Served) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await served.more.wait()
        except TimeoutError:
            raise Cancelled(f"nobody took the events for {self._patience:.0f} s") from None

    def _responded(self, stream: int, task: asyncio.Task[None]) -> None:
        served = self._served.pop(stream, None)
        if task.cancelled():  # by a Cancel frame, perhaps before it had begun
            refused = served.refused if served is not None else None
            error = refused or Cancelled("the caller stopped it")
            self.post(Fail(stream, error.to_data()))

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
        for served in list(self._served.values()):
            if served.task is not None:
                served.task.cancel()
        calls, self._calls = list(self._calls.values()), {}
        for call in calls:
            call.finish(error or self._lost())
        for pump in self._pumps:
            pump.cancel()
        for waiting in self._pings.values():
            if not waiting.done():
                waiting.set_exception(self._lost())
        if not self.hello.done():
            self.hello.set_exception(error or self._lost())
            self.hello.exception()  # someone may be waiting; no one has to


async def _noting(
    events: AsyncIterator[Passed], ignored: list[str]
) -> AsyncGenerator[Passed, None]:
    """Events whose `Started` says which fields were ignored; one is added if there is none."""
    told = False
    async for event in events:
        if not told and tag(event) not in ("status", "reaching"):
            told = True
            started = event.decode({"started": Started}) if isinstance(event, Encoded) else event
            if isinstance(started, Started):
                yield msgspec.structs.replace(started, ignored=[*started.ignored, *ignored])
                continue
            yield Started(model="", digest="", where="local", ignored=ignored)
        yield event


__all__ = ["Answer", "ByteStream", "Call", "Connection", "Feed", "SocketStream"]
