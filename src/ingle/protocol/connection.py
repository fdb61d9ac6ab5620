"""One connection: performs operations on the other side, and answers its operations.

Both ends are alike. `Connection.perform` opens a stream and yields its events;
an ``answer`` given at the start serves the streams that the other side opens.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from ingle.errors import Busy, Cancelled, IngleError, NodeUnreachable, ProtocolError, from_data
from ingle.operations import AnyEvent, AnyOperation, Event, Operation
from ingle.protocol import frames
from ingle.protocol.frames import (
    MAX_FRAME,
    VERSION,
    WINDOW,
    BadOperation,
    Cancel,
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
)

log = logging.getLogger(__name__)

DRAIN_BYTES = 64 * 1024
"""Unsent bytes at which whoever produces them waits for the transport."""

Answer = Callable[[Operation], AbstractAsyncContextManager[AsyncIterator[Event]]]


class ByteStream(Protocol):
    """What a connection needs of its transport. `asyncio`'s streams fit through `SocketStream`."""

    async def receive(self) -> bytes:
        """Some bytes; empty at the end of the stream."""
        ...

    def send(self, data: bytes) -> None:
        """Queue bytes."""
        ...

    async def drain(self) -> None:
        """Wait until the queue is short again."""
        ...

    def close(self) -> None:
        """Close both directions; may be called twice."""
        ...


class SocketStream:
    """A `ByteStream` over asyncio's reader and writer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def receive(self) -> bytes:
        try:
            return await self._reader.read(1 << 18)
        except (ConnectionError, BrokenPipeError):
            return b""

    def send(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)

    async def drain(self) -> None:
        with contextlib.suppress(ConnectionError, BrokenPipeError):
            await self._writer.drain()

    def close(self) -> None:
        self._writer.close()


class Call:
    """One operation that the other side performs for us.

    Iterate over it for the events. `ended` becomes done when the other side
    has let go of the operation, also after `cancel`.
    """

    def __init__(self, connection: Connection, stream: int) -> None:
        self._connection = connection
        self._stream = stream
        self._events: deque[AnyEvent] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._error: IngleError | None = None
        self._taken = 0
        self._over = False
        self._cancelled = False
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __aiter__(self) -> Call:
        return self

    async def __anext__(self) -> AnyEvent:
        while not self._events:
            if self._over:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._taken += 1
        if self._taken >= WINDOW // 2:
            self._connection.post(Credit(self._stream, self._taken))
            self._taken = 0
        return self._events.popleft()

    def cancel(self) -> None:
        """Ask the other side to stop. Events already here stay readable."""
        if not self._over and not self._cancelled:
            self._cancelled = True
            self._connection.post(Cancel(self._stream))

    def push(self, event: AnyEvent) -> None:
        """An event arrived."""
        self._events.append(event)
        self._wake()

    def finish(self, error: IngleError | None) -> None:
        """The stream ended, or the connection was lost."""
        self._over = True
        self._error = error
        if not self.ended.done():
            self.ended.set_result(None)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class _Served:
    """A stream that the other side opened: the task that answers it, and its credit."""

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.credit = WINDOW
        self.more = asyncio.Event()


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
    ) -> None:
        self._patience = patience
        self._stream = stream
        self._answer = answer
        self._reader = FrameReader(max_frame)
        self._max_streams = max_streams
        self._lost = lost or (lambda: NodeUnreachable("the connection to the node was lost"))
        self._numbers = itertools.count(1)
        self._calls: dict[int, Call] = {}
        self._served: dict[int, _Served] = {}
        self._pings: dict[int, asyncio.Future[None]] = {}
        self._closed = False
        self.ended_by: IngleError | None = None
        """Why the other side hung up, if it said so."""
        self._loop = asyncio.get_running_loop()
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
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
        data = frames.encode(frame)
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(data)
        self._unsent_bytes += len(data)

    def greet(self, **facts: Any) -> None:
        """Send our `Hello`."""
        self.post(Hello(VERSION, facts))

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

    def call(self, operation: Operation) -> Call:
        """Open a stream for an operation. The caller must drain it or cancel it."""
        if self._closed:
            raise self.ended_by or self._lost()
        number = next(self._numbers)
        call = self._calls[number] = Call(self, number)
        try:
            self.post(Open(number, operation))  # type: ignore[arg-type]
        except BaseException:
            del self._calls[number]
            raise
        return call

    @asynccontextmanager
    async def perform(self, operation: Operation) -> AsyncIterator[AsyncIterator[Event]]:
        """As `Node.perform`. Leaving the block cancels what still goes on."""
        call = self.call(operation)
        try:
            yield call
        finally:
            call.cancel()

    async def ping(self) -> None:
        """Return when the other side has answered. Wrap in a timeout."""
        number = next(self._numbers)
        waiting = self._pings[number] = asyncio.get_running_loop().create_future()
        try:
            self.post(Ping(number))
            await waiting
        finally:
            self._pings.pop(number, None)

    def _take(self, frame: Frame | BadOperation) -> None:
        match frame:
            case Item(stream=stream, event=event):
                call = self._calls.get(stream)
                if call is not None:
                    call.push(event)
            case End(stream=stream):
                self._finish(stream, None)
            case Fail(stream=0, error=error):  # why the other side closes the connection
                self.ended_by = from_data(error)
                self._end(self.ended_by)
            case Fail(stream=stream, error=error):
                self._finish(stream, from_data(error))
            case Open(stream=stream, operation=operation):
                self._serve(stream, operation)
            case BadOperation(stream=stream, error=error):
                self.post(Fail(stream, error.to_data()))
            case Cancel(stream=stream):
                served = self._served.get(stream)
                if served is not None and served.task is not None:
                    served.task.cancel()
            case Credit(stream=stream, items=items):
                served = self._served.get(stream)
                if served is not None:
                    served.credit += items
                    served.more.set()
            case Ping(id=number):
                self.post(Pong(number))
            case Pong(id=number):
                waiting = self._pings.get(number)
                if waiting is not None and not waiting.done():
                    waiting.set_result(None)
            case Hello(version=version):
                if version != VERSION:
                    raise ProtocolError(
                        f"the other side speaks version {version} of the protocol, we {VERSION}"
                    )
                if not self.hello.done():
                    self.hello.set_result(frame)

    def _finish(self, stream: int, error: IngleError | None) -> None:
        call = self._calls.pop(stream, None)
        if call is not None:
            call.finish(error)

    def _serve(self, stream: int, operation: AnyOperation) -> None:
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
        served = self._served[stream] = _Served()
        served.task = asyncio.create_task(self._respond(stream, operation, served))
        served.task.add_done_callback(lambda task: self._responded(stream, task))

    async def _respond(self, stream: int, operation: AnyOperation, served: _Served) -> None:
        assert self._answer is not None
        try:
            async with self._answer(operation) as events:
                async for event in events:
                    while served.credit <= 0:
                        served.more.clear()
                        await self._wait_for_credit(served)
                    served.credit -= 1
                    self.post(Item(stream, event))  # type: ignore[arg-type]
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
        self._served.pop(stream, None)
        if task.cancelled():  # by a Cancel frame, perhaps before it had begun
            self.post(Fail(stream, Cancelled("the caller stopped it").to_data()))

    def _flush(self) -> None:
        data, self._unsent, self._unsent_bytes = b"".join(self._unsent), [], 0
        if data:
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
        for waiting in self._pings.values():
            if not waiting.done():
                waiting.set_exception(self._lost())
        if not self.hello.done():
            self.hello.set_exception(error or self._lost())
            self.hello.exception()  # someone may be waiting; no one has to
