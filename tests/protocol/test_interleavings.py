"""Whatever order frames come in, a connection stays usable, or is closed and has let go of all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingle.errors import EngineFault, IngleError
from ingle.operations import Done, Operation, Text
from ingle.operations.encoded import Passed
from ingle.operations.operation import Bytes
from ingle.protocol.connection import Connection, PieceStream
from ingle.protocol.frames import (
    VERSION,
    Cancel,
    Credit,
    End,
    EndOfPieces,
    EventFrame,
    Fail,
    Frame,
    Hello,
    Open,
    PieceCredit,
    PieceFrame,
    Ping,
    Pong,
)
from tests.protocol.ends import Hand, connection, raw, sending

streams = st.integers(1, 4)
numbers = st.one_of(streams, st.integers(-(2**63), 2**64 - 1))
counts = st.integers(-2, 600)
chat = {"op": "chat", "model": "m", "messages": [{"role": "user", "content": "hi"}]}
contents = st.one_of(
    st.sampled_from(
        [
            chat, {**chat, "newer": 1}, {"op": "chat"}, {"op": "list"}, {"op": "teleport"},
            {"op": "made_up", "model": "m"}, {"op": "made_up", "model": "m", "until": 2},
            {"event": "text", "text": "hi"}, {"event": "text", "text": 5}, {"event": "new"},
            {"piece": "bytes", "data": b"x"}, {"piece": "new"}, {},
        ]
    ),
    st.recursive(
        st.one_of(st.none(), st.integers(-9, 9), st.text(st.characters(codec="utf-8"), max_size=3)),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["op", "event", "model", "x"]), inner, max_size=3),
        max_leaves=6,
    ),
).map(raw)  # fmt: skip
facts = st.dictionaries(
    st.sampled_from(["version", "speaks", "oldest", "engine"]),
    st.one_of(st.integers(0, 3), st.text(max_size=3), st.just({"chat": 1})),
)
errors = st.dictionaries(
    st.sampled_from(["code", "message", "hint", "details"]),
    st.one_of(st.integers(-9, 9), st.just("busy"), st.just({"message": 1, "self": 2})),
)
some_frames = st.one_of(
    st.builds(Hello, st.sampled_from([VERSION, VERSION, 0, 99]), facts),
    st.builds(Open, numbers, contents),
    st.builds(EventFrame, numbers, contents),
    st.builds(PieceFrame, numbers, contents),
    st.builds(PieceFrame, streams, st.just(raw(Bytes(data=b"x")))),
    st.builds(EventFrame, streams, st.just(raw(Text(text="x")))),
    st.builds(Open, streams, contents),
    st.builds(Cancel, streams),
    st.builds(EndOfPieces, streams),
    st.builds(Credit, streams, counts),
    st.builds(PieceCredit, streams, counts),
    st.builds(End, streams),
    st.builds(Fail, streams, errors),
    st.builds(Fail, st.just(0), errors),
    st.builds(Ping, numbers),
    st.builds(Pong, numbers),
)


async def perform(operation: Operation, feed: PieceStream | None) -> AsyncIterator[Passed]:
    match type(operation).__name__:
        case "Chat":
            for number in range(5):
                yield Text(text=str(number))
        case "Listen":
            assert feed is not None
            taken = 0
            async for _ in feed:
                taken += 1
                yield Done()
                if taken == getattr(operation, "until", 0):
                    break
        case _:
            raise EngineFault("no")


@pytest.mark.usefixtures("made_up")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=st.lists(some_frames, max_size=14), asks=st.booleans(), hello=st.booleans())
def test_any_interleaving_of_frames(sent: list[Frame], asks: bool, hello: bool) -> None:
    asyncio.run(_exchange(sent, asks, hello))


async def _exchange(sent: list[Frame], asks: bool, hello: bool) -> None:
    async with connection(perform) as (hand, theirs):
        reading: list[asyncio.Task[Any]] = []
        if asks:
            reading = [asyncio.create_task(_read(theirs, feed)) for feed in (False, True)]
            await asyncio.sleep(0)
        if hello:
            hand.send(Hello(VERSION, {"version": "9", "speaks": {"chat": 1, "made_up": 1}}))
        for frame in sent:
            hand.send(frame)
        await _settled(hand, theirs)
        theirs.close()
        await asyncio.gather(*reading)
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            while theirs.active or sending():
                await asyncio.sleep(0)


async def _settled(hand: Hand, theirs: Connection) -> None:
    """It answers a ping, or it is closed."""
    hand.send(Ping(12345))
    while (frame := await hand.take()) is not None:
        if frame == Pong(12345):
            assert not theirs.closed
            return
    assert theirs.closed


async def _read(theirs: Connection, feeds: bool) -> None:
    from made_up import Listen  # type: ignore[import-not-found]

    async def endless() -> AsyncIterator[Bytes]:
        while True:
            yield Bytes(data=b"x")
            await asyncio.sleep(0)

    chatting = msgspec.msgpack.encode(chat)
    from ingle.operations.reading import read

    operation = Listen(model="m") if feeds else read(chatting).operation
    try:
        async with theirs.perform(operation, endless() if feeds else None) as events:
            async for _ in events:
                pass
    except IngleError:
        pass
