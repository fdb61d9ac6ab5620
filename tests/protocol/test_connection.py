from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec
import pytest

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.node.operation import Resume
from ingle.capabilities.store.operation import ListModels
from ingle.errors import Busy, Cancelled, EngineFault, IngleError, NodeUnreachable, ProtocolError
from ingle.operations import Done, Event, Message, Operation, Text
from ingle.protocol import frames
from ingle.protocol.connection import LARGE, Connection, SocketStream
from ingle.protocol.frames import WINDOW
from tests.waiting import turns

pytestmark = pytest.mark.anyio


class Provider:
    """Answers chats with as many pieces as their text says, and counts what it made."""

    def __init__(self) -> None:
        self.made = 0
        self.stopped = asyncio.Event()

    @asynccontextmanager
    async def perform(
        self, operation: Operation, feed: Any = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        async with aclosing(self._events(operation)) as events:
            yield events

    async def _events(self, operation: Operation) -> AsyncGenerator[Event, None]:
        match operation:
            case Chat(messages=messages):
                try:
                    for count in range(int(messages[0].text)):
                        self.made += 1
                        yield Text(text=str(count))
                finally:
                    self.stopped.set()
            case Resume():
                raise EngineFault("as told", hint="nothing", count=3)
            case ListModels():
                await asyncio.Event().wait()
                yield Done()


def chat(pieces: int) -> Chat:
    return Chat(model="m", messages=[Message(role="user", content=str(pieces))])


@asynccontextmanager
async def pair(provider: Provider, **options: Any) -> AsyncIterator[tuple[Connection, Connection]]:
    ends = socket.socketpair()
    streams = [SocketStream(*await asyncio.open_unix_connection(sock=end)) for end in ends]
    ours = Connection(streams[0])
    theirs = Connection(streams[1], answer=provider.perform, **options)
    tasks = [asyncio.create_task(ours.run()), asyncio.create_task(theirs.run())]
    try:
        yield ours, theirs
    finally:
        ours.close()
        theirs.close()
        await asyncio.gather(*tasks)


async def texts(connection: Connection, operation: Operation) -> list[str]:
    async with connection.perform(operation) as events:
        return [event.text async for event in events if isinstance(event, Text)]


async def test_events_arrive_whole_in_order_and_side_by_side() -> None:
    async with pair(Provider()) as (ours, _):
        found = await asyncio.gather(*(texts(ours, chat(2000)) for _ in range(5)))
    assert found == [[str(count) for count in range(2000)]] * 5


async def test_a_slow_reader_holds_the_sender_back() -> None:
    provider = Provider()
    async with pair(provider) as (ours, _), ours.perform(chat(10 * WINDOW)) as events:
        await anext(events)
        for _ in range(5):
            await ours.ping()
        assert provider.made <= WINDOW + 1
        rest = [event async for event in events]
    assert len(rest) == 10 * WINDOW - 1


async def test_leaving_the_block_stops_the_work() -> None:
    provider = Provider()
    async with pair(provider) as (ours, theirs):
        async with ours.perform(chat(10**9)) as events:
            await anext(events)
        async with asyncio.timeout(1):
            await provider.stopped.wait()
            await ours.ping()
        assert theirs.active == 0


async def test_cancel_is_always_answered() -> None:
    async with pair(Provider()) as (ours, _):
        call = ours.call(ListModels())
        call.cancel()
        async with asyncio.timeout(1):
            await call.ended
        with pytest.raises(Cancelled):
            await anext(call)


async def test_errors_keep_their_class_and_details() -> None:
    async with pair(Provider()) as (ours, _):
        with pytest.raises(EngineFault) as caught:
            await texts(ours, Resume())
    assert caught.value.details == {"count": 3}


async def test_a_lost_connection_ends_everything_with_a_clear_error() -> None:
    provider = Provider()
    async with pair(provider) as (ours, theirs):
        async with ours.perform(chat(10**9)) as events:
            await anext(events)
            theirs.close()
            with pytest.raises(NodeUnreachable):
                async for _ in events:
                    pass
        with pytest.raises(NodeUnreachable):
            ours.call(ListModels())
        assert provider.stopped.is_set() or await asyncio.wait_for(provider.stopped.wait(), 1)


async def test_too_many_streams_are_refused_one_by_one() -> None:
    async with pair(Provider(), max_streams=3) as (ours, _):
        calls = [ours.call(ListModels()) for _ in range(4)]
        with pytest.raises(Busy):
            await anext(calls[3])
        await ours.ping()


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x00\x00\x00\x02\xc1\xc1", frames.encode(frames.Hello(99))],
)
async def test_garbage_closes_the_connection_and_nothing_else(data: bytes) -> None:
    provider = Provider()
    ours, theirs = socket.socketpair()
    stream = SocketStream(*await asyncio.open_unix_connection(sock=theirs))
    connection = Connection(stream, answer=provider.perform)
    with ours:
        ours.send(data)
        async with asyncio.timeout(1):
            await connection.run()
    assert connection.closed


async def test_a_stream_number_cannot_be_used_twice() -> None:
    ours, theirs = socket.socketpair()
    stream = SocketStream(*await asyncio.open_unix_connection(sock=theirs))
    connection = Connection(stream, answer=Provider().perform)
    with ours:
        ours.send(frames.encode(frames.Open(1, msgspec.Raw(frames.packed(ListModels())))) * 2)
        async with asyncio.timeout(1):
            await connection.run()
    assert connection.closed


async def test_the_other_side_may_say_why_it_closes() -> None:
    ours, theirs = socket.socketpair()
    connection = Connection(SocketStream(*await asyncio.open_unix_connection(sock=theirs)))
    task = asyncio.create_task(connection.run())
    with ours:
        ours.send(frames.encode(frames.Fail(0, EngineFault("no room").to_data())))
        with pytest.raises(IngleError, match="no room"):
            await asyncio.wait_for(connection.hello, 1)
    await task


async def test_nothing_is_offered_where_there_is_no_answer() -> None:
    ours, theirs = socket.socketpair()
    connection = Connection(SocketStream(*await asyncio.open_unix_connection(sock=theirs)))
    task = asyncio.create_task(connection.run())
    with ours:
        ours.send(frames.encode(frames.Open(1, msgspec.Raw(frames.packed(ListModels())))))
        with pytest.raises(ProtocolError):
            await asyncio.wait_for(connection.hello, 1)
    await task


class QueuedStream:
    """A stream whose bytes a test puts in; says how often it was read."""

    def __init__(self) -> None:
        self.arriving: asyncio.Queue[bytes] = asyncio.Queue()
        self.taken = 0

    async def receive(self) -> bytes:
        data = await self.arriving.get()
        self.taken += 1
        return data

    def send(self, data: bytes) -> None:
        pass

    async def drain(self) -> None:
        pass

    def close(self) -> None:
        self.arriving.put_nowait(b"")


async def test_connections_with_one_turn_hold_one_large_frame_together() -> None:
    turn = asyncio.Semaphore(1)
    first, second, third = streams = [QueuedStream() for _ in range(3)]
    connections = [Connection(stream, turn=turn) for stream in streams]
    running = [asyncio.create_task(connection.run()) for connection in connections]
    large = frames.encode(frames.Hello(1, {"name": "x" * LARGE}))
    small = frames.encode(frames.Hello(1, {}))
    for data in (large[:100], large[100:]):
        second.arriving.put_nowait(data)
        await turns()
    assert connections[1].hello.done(), "alone it has its turn at once"
    first.arriving.put_nowait(large[:100])
    await turns()
    for data in (large[:100], large[100:]):
        second.arriving.put_nowait(data)
    for data in (small[:9], small[9:]):
        third.arriving.put_nowait(data)
    await turns()
    assert (first.taken, second.taken, third.taken) == (1, 3, 2)
    first.arriving.put_nowait(large[100:])
    await turns()
    assert (first.taken, second.taken) == (2, 4), "what is whole gives its turn to the next"
    for stream in (first, second):
        stream.arriving.put_nowait(large[:100])
        await turns()
    first.close()
    second.close()
    await turns()
    assert (first.taken, second.taken) == (4, 6), "so does what ends"
    third.close()
    await asyncio.gather(*running)
    assert not turn.locked()
