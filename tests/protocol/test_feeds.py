"""Pieces that a caller sends while the answer flows: credit, cancel, and every way to end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from types import ModuleType
from typing import Any

import pytest

from ingle.errors import Cancelled, EngineFault, InvalidRequest, NodeUnreachable
from ingle.operations import Done, Operation
from ingle.operations.encoded import Encoded, Passed
from ingle.operations.operation import Bytes, Piece
from ingle.protocol.connection import Connection, PieceStream
from ingle.protocol.frames import MAX_PIECE, PIECES, Cancel, End, EndOfPieces, Open, PieceFrame
from ingle.protocol.piece_stream import ReplayablePieces
from tests.protocol.ends import connection, joined, sending
from tests.waiting import eventually_async

pytestmark = pytest.mark.anyio


class Source:
    """Pieces that are counted, and that say how they were let go of."""

    def __init__(self, pieces: int | None = None, size: int = 1, fails: bool = False) -> None:
        self.asked = 0
        self.closed = asyncio.Event()
        self._pieces = pieces
        self._size = size
        self._fails = fails

    async def __aiter__(self) -> AsyncIterator[Bytes]:
        try:
            while self._pieces is None or self.asked < self._pieces:
                self.asked += 1
                yield Bytes(data=b"x" * self._size)
                await asyncio.sleep(0)
            if self._fails:
                raise OSError("the microphone was pulled out")
        finally:
            self.closed.set()


class Silence:
    """A feed from which nothing comes, and that never ends."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[Bytes]:
        try:
            await asyncio.Event().wait()
            yield Bytes(data=b"")
        finally:
            self.closed.set()


class Listener:
    """Performs the made-up operation: takes pieces when it is let, until it is told to end."""

    def __init__(self) -> None:
        self.taken = 0
        self.let = asyncio.Event()
        self.let.set()
        self.stopped = asyncio.Event()

    async def perform(self, operation: Any, feed: PieceStream | None) -> AsyncIterator[Passed]:
        assert feed is not None
        try:
            await self.let.wait()
            async for piece in feed:
                self.taken += 1
                assert isinstance(piece, Encoded)
                yield Done(message=str(len(piece.data)))
                if self.taken == operation.until:
                    return
                await self.let.wait()
            yield Done(message="all")
        finally:
            self.stopped.set()


async def told(asks: Connection, operation: Operation, feed: PieceStream) -> list[str]:
    async with asks.perform(operation, feed) as events:
        return [event.message async for event in events if isinstance(event, Done)]


async def nothing_is_sent() -> None:
    """Whatever sends pieces ends; it does not have to be the same moment."""
    await eventually_async(lambda: not sending())


async def test_pieces_flow_in_while_events_flow_out(made_up: ModuleType) -> None:
    async with joined(Listener().perform) as (asks, _):
        source = Source(10 * PIECES)
        found = await told(asks, made_up.Listen(model="m"), source)
        assert len(found) == 10 * PIECES + 1
        assert found[-1] == "all"
        await nothing_is_sent()


async def test_a_caller_is_held_back_where_nobody_takes(made_up: ModuleType) -> None:
    listener = Listener()
    listener.let.clear()
    async with joined(listener.perform) as (asks, _):
        source = Source()
        call = asks.call(made_up.Listen(model="m", until=3 * PIECES), source)
        while source.asked < PIECES:
            await asks.ping()
        for _ in range(5):
            await asks.ping()
        assert source.asked == PIECES
        listener.let.set()
        assert len([event async for event in call]) == 3 * PIECES


async def test_a_feed_that_never_ends_ends_with_its_answer(made_up: ModuleType) -> None:
    async with joined(Listener().perform) as (asks, _):
        source = Source()
        assert len(await told(asks, made_up.Listen(model="m", until=3), source)) == 3
        await asyncio.wait_for(source.closed.wait(), 5)
        await nothing_is_sent()


async def test_a_feed_that_is_silent_ends_with_its_answer(made_up: ModuleType) -> None:
    async def deaf(operation: Operation, feed: PieceStream | None) -> AsyncIterator[Passed]:
        yield Done(message="not interested")

    async with joined(deaf) as (asks, _):
        silence = Silence()
        assert await told(asks, made_up.Listen(model="m"), silence) == ["not interested"]
        await asyncio.wait_for(silence.closed.wait(), 5)
        await nothing_is_sent()


async def test_a_cancel_while_pieces_are_sent(made_up: ModuleType) -> None:
    listener = Listener()
    async with joined(listener.perform) as (asks, answers):
        for source in (Source(), Silence()):
            call = asks.call(made_up.Listen(model="m"), source)
            await asks.ping()
            call.cancel()
            await asyncio.wait_for(source.closed.wait(), 5)
            await asyncio.wait_for(listener.stopped.wait(), 5)
            await asyncio.wait_for(call.ended, 5)
            await nothing_is_sent()
            listener.stopped.clear()
        assert answers.active == 0


async def test_a_feed_that_fails_fails_the_operation_with_its_reason(made_up: ModuleType) -> None:
    listener = Listener()
    async with joined(listener.perform) as (asks, answers):
        call = asks.call(made_up.Listen(model="m"), Source(3, fails=True))
        with pytest.raises(InvalidRequest, match="microphone"):
            async for _ in call:
                pass
        await asyncio.wait_for(call.ended, 5)
        await asyncio.wait_for(listener.stopped.wait(), 5)
        await asks.ping()
        assert answers.active == 0


async def test_an_operation_whose_feed_failed_has_ended_when_the_other_side_says_so(
    made_up: ModuleType,
) -> None:
    """Its slot is not free before."""
    async with connection() as (hand, asks):
        call = asks.call(made_up.Listen(model="m"), Source(0, fails=True))
        with pytest.raises(InvalidRequest):
            await anext(call)
        await hand.until(Cancel)
        assert not call.ended.done()
        hand.send(End(call.stream))
        await asyncio.wait_for(call.ended, 5)


async def test_an_error_of_the_feeds_own_keeps_its_class(made_up: ModuleType) -> None:
    async def broken() -> AsyncIterator[Bytes]:
        yield Bytes(data=b"x")
        raise EngineFault("no more tape", hint="buy some")

    async with joined(Listener().perform) as (asks, _):
        with pytest.raises(EngineFault, match="tape"):
            await told(asks, made_up.Listen(model="m"), broken())


async def test_a_piece_over_the_limit_is_not_sent(made_up: ModuleType) -> None:
    async with joined(Listener().perform) as (asks, _):
        with pytest.raises(InvalidRequest, match=str(MAX_PIECE)):
            await told(asks, made_up.Listen(model="m"), Source(1, size=MAX_PIECE))
        largest = Source(2, size=1 << 20)
        assert len(await told(asks, made_up.Listen(model="m"), largest)) == 3


async def test_what_is_not_a_feed_is_told(made_up: ModuleType) -> None:
    async with joined(Listener().perform) as (asks, _):
        with pytest.raises(InvalidRequest, match="could not be read"):
            await told(asks, made_up.Listen(model="m"), [b"x"])  # type: ignore[arg-type]


@pytest.mark.parametrize("whose", ["asks", "answers"])
async def test_the_connection_is_lost_in_mid_feed(made_up: ModuleType, whose: str) -> None:
    listener = Listener()
    async with joined(listener.perform) as (asks, answers):
        source, silence = Source(), Silence()
        both = [asks.call(made_up.Listen(model="m"), feed) for feed in (source, silence)]
        await anext(both[0])
        (asks if whose == "asks" else answers).close()
        for call in both:
            with pytest.raises(NodeUnreachable):
                async for _ in call:
                    pass
        await asyncio.wait_for(source.closed.wait(), 5)
        await asyncio.wait_for(silence.closed.wait(), 5)
        await asyncio.wait_for(listener.stopped.wait(), 5)
        await nothing_is_sent()


async def test_the_last_piece_is_followed_by_close(made_up: ModuleType) -> None:
    async with connection() as (hand, asks):
        asks.call(made_up.Listen(model="m"), Source(2))
        frames = [await hand.take() for _ in range(4)]
        assert [type(frame) for frame in frames] == [Open, PieceFrame, PieceFrame, EndOfPieces]


async def test_an_answer_that_is_stopped_for_the_callers_fault_says_why(
    made_up: ModuleType,
) -> None:
    """The performer's own word on being stopped does not hide the reason."""

    async def insists(operation: Operation, feed: PieceStream | None) -> AsyncIterator[Passed]:
        assert feed is not None
        try:
            async for _ in feed:
                yield Done()
        except asyncio.CancelledError:
            raise Cancelled("stopped while listening") from None

    async with connection(insists) as (hand, _):
        from ingle.protocol.frames import Fail
        from tests.protocol.ends import opened, raw

        hand.send(opened(1, op="made_up", model="m"))
        await hand.quiet()
        hand.send(EndOfPieces(1), PieceFrame(1, raw(Bytes(data=b"x"))))
        answer = await hand.until(End, Fail)
        assert isinstance(answer, End) or "after the last one" in answer.error["message"]


# -- feeds that can be sent again -----------------------------------------------


async def some(feed: ReplayablePieces, count: int) -> list[Encoded | Piece]:
    found = []
    async with aclosing(aiter(feed)) as pieces:  # type: ignore[type-var]
        async for piece in pieces:
            found.append(piece)
            if len(found) == count:
                break
    return found


async def test_a_feed_is_sent_again_from_its_beginning() -> None:
    async def numbers() -> AsyncIterator[Bytes]:
        for number in range(10):
            yield Bytes(data=bytes([number]))

    feed = ReplayablePieces(numbers())
    first = await some(feed, 3)
    assert (await some(feed, 5))[:3] == first
    assert feed.whole
    assert len(await some(feed, 100)) == 10
    assert len(await some(feed, 100)) == 10
    await feed.aclose()


async def test_what_stops_a_sending_half_way_loses_no_piece() -> None:
    ready = asyncio.Event()

    async def slow() -> AsyncIterator[Bytes]:
        yield Bytes(data=b"1")
        await ready.wait()
        yield Bytes(data=b"2")

    feed = ReplayablePieces(slow())
    stopped = asyncio.create_task(some(feed, 2))
    for _ in range(5):
        await asyncio.sleep(0)
    stopped.cancel()
    await asyncio.gather(stopped, return_exceptions=True)
    ready.set()
    assert await some(feed, 9) == [Bytes(data=b"1"), Bytes(data=b"2")]
    await feed.aclose()


async def test_a_long_feed_is_not_kept() -> None:
    feed = ReplayablePieces(Source(3 * PIECES))
    await some(feed, 2 * PIECES)
    assert not feed.whole
    assert feed._kept == []
    await feed.aclose()


async def test_a_feed_that_failed_fails_again() -> None:
    feed = ReplayablePieces(Source(1, fails=True))
    for _ in range(2):
        with pytest.raises(OSError, match="microphone"):
            await some(feed, 9)
    await feed.aclose()


async def test_letting_go_of_a_feed_ends_what_waits_for_its_next_piece() -> None:
    silence = Silence()
    feed = ReplayablePieces(silence)
    waiting = asyncio.create_task(some(feed, 1))
    for _ in range(5):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await feed.aclose()
    assert silence.closed.is_set()
