"""What comes off the wire of other versions, of careless callers and of strangers."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import aclosing
from types import ModuleType
from typing import Any

import msgspec
import pytest

from ingle.capabilities.chat.operation import Chat
from ingle.errors import (
    Cancelled,
    CapabilityMissing,
    EngineFault,
    IngleError,
    NodeUnreachable,
    ProtocolError,
)
from ingle.operations import Done, Message, Operation, Progress, Started, Status, Text
from ingle.operations.encoded import Encoded, Passed, decoded
from ingle.operations.reading import read
from ingle.protocol import frames
from ingle.protocol.call import HELD
from ingle.protocol.connection import REPLIES, PieceStream
from ingle.protocol.frames import (
    MAX_PIECE,
    OLDEST,
    PIECES,
    VERSION,
    WINDOW,
    Cancel,
    Credit,
    End,
    EndOfPieces,
    EventFrame,
    Fail,
    Hello,
    Open,
    PieceFrame,
    Ping,
    Pong,
)
from tests.protocol.ends import connection, joined, opened, raw

pytestmark = pytest.mark.anyio

ASK = Chat(model="m", messages=[Message(role="user", content="hi")])
HOLE = b"\x91" * 100_000
"""A list in a list in a list ...: nesting without end."""


async def perform(operation: Operation, feed: PieceStream | None) -> AsyncIterator[Passed]:
    match operation:
        case Chat():
            yield Status(state="loading")
            yield Started(model="m", digest="", where="local")
            yield Text(text="hello")
        case _ if type(operation).__name__ == "ListModels":
            yield Done(message="the list")
        case _ if type(operation).__name__ == "Suspend":
            return
        case _:
            await asyncio.Event().wait()


def chat(**more: Any) -> dict[str, Any]:
    return {"op": "chat", "model": "m", "messages": [{"role": "user", "content": "hi"}], **more}


def event(item: EventFrame) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.msgpack.decode(bytes(item.event))
    return found


# -- operations ---------------------------------------------------------------


async def test_an_unknown_operation_costs_its_stream_only() -> None:
    async with connection(perform) as (hand, _):
        hand.send(opened(1, op="teleport", to="Mars"), opened(2, **chat()))
        failed = await hand.until(Fail)
        assert (failed.stream, failed.error["code"]) == (1, "capability_missing")
        assert failed.error["details"]["capability"] == "teleport"
        assert "update ingle" in failed.error["hint"]
        assert (await hand.until(End)).stream == 2


async def test_unknown_fields_are_ignored_and_told_in_started() -> None:
    message = {"role": "user", "content": "hi", "mood": "merry"}
    async with connection(perform) as (hand, _):
        hand.send(opened(1, **chat(messages=[message, message], haste=3, sampling={"zeal": 1.0})))
        items = [event(await hand.until(EventFrame)) for _ in range(3)]
        assert [item["event"] for item in items] == ["status", "started", "text"]
        assert sorted(items[1]["ignored"]) == ["haste", "messages.mood", "sampling.zeal"]
        assert (await hand.until(End)).stream == 1


def test_an_unknown_field_deep_in_a_request_is_told_although_nothing_else_is_unknown() -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "hi", "font": "Garamond"}]}
    asked = read(msgspec.msgpack.encode(chat(messages=[message])))
    assert asked.ignored == ["messages.content.font"]


@pytest.mark.parametrize(
    ("operation", "then"), [("list", ["started", "done"]), ("suspend", ["started"])]
)
async def test_what_is_ignored_is_told_where_nothing_starts(
    operation: str, then: list[str]
) -> None:
    async with connection(perform) as (hand, _):
        hand.send(opened(1, op=operation, colour="red"))
        items = [event(await hand.until(EventFrame)) for _ in then]
        assert [item["event"] for item in items] == then
        assert items[0]["ignored"] == ["colour"]
        await hand.until(End)


async def test_fields_are_ignored_in_lists_unions_and_maps(made_up: ModuleType) -> None:
    part = {"name": "a", "newer": {"deep": [1]}}
    request = {"op": "made_up", "model": "m", "details": [part], "one": part, "named": {"x": part}}
    asked = read(msgspec.msgpack.encode(request))
    assert asked.ignored == ["details.newer", "one.newer", "named.newer"]
    known = made_up.Detail(name="a")
    assert asked.operation == made_up.Listen(
        model="m", details=[known], one=known, named={"x": known}
    )


def test_the_list_of_ignored_fields_is_bounded() -> None:
    request = chat(**{f"field{number}": number for number in range(1000)})
    assert len(read(msgspec.msgpack.encode(request)).ignored) == 64


async def test_a_required_field_that_is_missing_is_named() -> None:
    async with connection(perform) as (hand, _):
        for stream, newer in ((1, {}), (2, {"newer": 1})):
            hand.send(
                opened(stream, op="chat", messages=[{"role": "user", "content": "x"}], **newer)
            )
            failed = await hand.until(Fail)
            assert (failed.stream, failed.error["code"]) == (stream, "invalid_request")
            assert "`model`" in failed.error["message"]
        hand.send(opened(3, **chat(messages=[{"content": "x"}])))
        assert "`role`" in (await hand.until(Fail)).error["message"]


async def test_an_operation_need_not_be_one() -> None:
    contents = [
        b"\xc0", b"\x80", b"\x93\x01\x02\x03", b"\x81\xa2op\xc0", b"\x81\xa2op\xa4lis", HOLE,
        b"\x82\xa2op\xa4list\xa1x" + HOLE + b"\xc0",
        b"\x83\xa2op\xa4list\xa1x\xc0\xa1y" + HOLE + b"\xc0",
        b"\x82\xa2op\xa4list\xa1x\xc1",
    ]  # fmt: skip
    for content in contents:
        async with connection(perform) as (hand, theirs):
            body = b"\x93\xa1o\x01" + content
            hand.write(struct.pack(">I", len(body)) + body)
            hand.send(Ping(1))
            answer = await hand.until(Fail, Pong)
            assert isinstance(answer, Fail)
            if answer.stream == 0:
                assert theirs.closed or await hand.take() is None
            else:
                assert (await hand.until(Pong)) == Pong(1)


# -- events -------------------------------------------------------------------


async def test_an_unknown_event_is_passed_on_by_who_relays_and_skipped_by_who_reads() -> None:
    later = raw({"event": "aroma", "of": "coffee", "strength": 3})

    async def relay(operation: Operation, feed: PieceStream | None) -> AsyncIterator[Passed]:
        async with asked.relay(operation) as events:
            async for each in events:
                yield each

    async with connection() as (hand, asked), joined(relay) as (ours, _):
        call = ours.call(Chat(model="m", messages=[Message(role="user", content="hi")]))
        there = await hand.until(Open)
        hand.send(
            EventFrame(there.stream, later),
            EventFrame(there.stream, raw(Text(text="hello"))),
            End(there.stream),
        )
        passed = [each async for each in call]
        assert [each.data for each in passed] == [bytes(later), bytes(raw(Text(text="hello")))]

        async def again() -> AsyncIterator[Encoded]:
            for each in passed:
                yield each

        async with aclosing(decoded(again(), {"text": Text})) as known:
            assert [each async for each in known] == [Text(text="hello")]


async def test_new_fields_of_a_known_event_are_passed_over() -> None:
    async with connection() as (hand, asks), asks.perform(ASK) as events:
        there = await hand.until(Open)
        newer = {"event": "text", "text": "hello", "index": 0, "pitch": {"hz": 440}}
        hand.send(EventFrame(there.stream, raw(newer)), End(there.stream))
        assert [each async for each in events] == [Text(text="hello")]


async def test_a_known_event_that_cannot_be_read_fails_its_reader_only() -> None:
    async with connection() as (hand, asks):
        async with asks.perform(ASK) as events:
            there = await hand.until(Open)
            hand.send(EventFrame(there.stream, raw({"event": "text", "text": 5})))
            with pytest.raises(ProtocolError, match="text"):
                await anext(events)
        await asks_still_work(hand, asks)


async def asks_still_work(hand: Any, asks: Any) -> None:
    ping = asyncio.create_task(asks.ping())
    hand.send(Pong((await hand.until(Ping)).id))
    await ping


async def test_an_event_before_anything_was_opened_is_nothing() -> None:
    async with connection(perform) as (hand, theirs):
        hand.send(
            EventFrame(1, raw(Text(text="?"))),
            EventFrame(-7, raw(Done())),
            End(3),
            Fail(4, {}),
            Credit(5, 6),
        )
        hand.send(Cancel(7), EndOfPieces(8), PieceFrame(9, raw({"piece": "bytes", "data": b"x"})))
        hand.send(frames.PieceCredit(1, 1))
        await hand.quiet()
        assert not theirs.closed
        assert theirs.active == 0


async def test_more_events_than_there_is_credit_for_end_the_connection() -> None:
    async with connection() as (hand, asks):
        call = asks.call(ASK)
        await hand.until(Open)
        hand.send(*[EventFrame(call.stream, raw(Text(text="x")))] * (WINDOW + 1))
        failed = await hand.until(Fail)
        assert (failed.stream, failed.error["code"]) == (0, "protocol_error")
        with pytest.raises(ProtocolError, match="credit"):
            async for _ in call:
                pass


async def test_events_that_wait_are_bounded_in_bytes() -> None:
    from ingle.protocol.call import Call

    call = Call(lambda _: None, 1)
    large = Encoded(bytes(raw({"event": "file_piece", "data": b"x" * (2**20)})))
    for _ in range(WINDOW):
        call.push(large)  # an honest sender of the largest pieces
    call = Call(lambda _: None, 1)
    larger = Encoded(bytes(raw({"event": "file_piece", "data": b"x" * (HELD // 8)})))
    for _ in range(7):
        call.push(larger)
    with pytest.raises(ProtocolError, match="credit"):
        call.push(larger)


# -- frames -------------------------------------------------------------------


async def test_a_frame_of_an_unknown_kind_is_skipped() -> None:
    async with connection(perform) as (hand, _):
        hand.send_body(["weather", 1, {"sun": True}])
        hand.send(opened(1, **chat()))
        await hand.until(End)


@pytest.mark.parametrize("body", [["weather" * 10], [["h"], 1], {"h": 1}, ["o", "one", {}], 7, []])
async def test_what_is_not_a_frame_ends_the_connection(body: object) -> None:
    async with connection(perform) as (hand, theirs):
        hand.send_body(body)
        failed = await hand.until(Fail)
        assert (failed.stream, failed.error["code"]) == (0, "protocol_error")
        assert await hand.take() is None
        assert theirs.closed


@pytest.mark.parametrize(
    "front", [b"", b"\x93\xa1i\x01", b"\x93\xa1f\x01\x81\xa1a", b"\x93\xa1h\x01"]
)
async def test_nesting_without_end_ends_the_connection_in_order(front: bytes) -> None:
    async with connection(perform) as (hand, theirs):
        body = front + HOLE + b"\xc0"
        hand.write(struct.pack(">I", len(body)) + body)
        assert (await hand.until(Fail)).error["code"] == "protocol_error"
        assert await hand.take() is None
        assert theirs.closed


@pytest.mark.parametrize("stream", [0, -1])
async def test_a_stream_has_a_number_from_one(stream: int) -> None:
    """Number 0 would be answered as if it were the connection."""
    async with connection(perform) as (hand, _):
        hand.send(opened(stream, **chat()))
        assert "number" in (await hand.until(Fail)).error["message"]


async def test_what_follows_the_last_word_is_not_begun() -> None:
    begun: list[Operation] = []

    async def note(operation: Operation, feed: PieceStream | None) -> AsyncIterator[Passed]:
        begun.append(operation)
        yield Done()

    async with connection(note) as (hand, theirs):
        hand.send(Fail(0, EngineFault("enough").to_data()), opened(1, op="list"))
        while not theirs.closed:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert theirs.active == 0
    assert begun == []


async def test_what_is_too_large_for_the_other_side_is_not_sent() -> None:
    large = Chat(model="m", messages=[Message(role="user", content="x" * 5000)])
    async with joined(perform, {"max_frame": 4000}, max_frame=4000) as (ours, _):
        with pytest.raises(ProtocolError, match="4000"):
            ours.call(large)
        async with ours.perform(ASK) as events:
            assert [each async for each in events]


@pytest.mark.parametrize(
    "error",
    [
        {}, {"code": 7, "message": None}, {"code": "busy", "details": {"message": "x", "hint": 1}},
        {"code": "busy", "details": {"self": 1, "code": 2}}, {"details": [1]},
        {"code": "busy", "details": {5: 6}},
    ],
)  # fmt: skip
async def test_an_error_may_say_anything(error: dict[str, Any]) -> None:
    async with connection() as (hand, asks):
        call = asks.call(ASK)
        await hand.until(Open)
        hand.send(Fail(call.stream, error))
        with pytest.raises(IngleError):
            await anext(call)
        await asks_still_work(hand, asks)


@pytest.mark.parametrize(
    "error",
    [
        EngineFault("no such file: \udcff.gguf", hint="rm \udcff.gguf"),
        EngineFault("odd", path=object()),
        EngineFault("large", count=2**70),
        ValueError("\udcff"),
    ],
)
async def test_a_reason_that_cannot_be_sent_keeps_nobody_waiting(error: Exception) -> None:
    async def fail(operation: Operation, feed: PieceStream | None) -> AsyncIterator[Passed]:
        yield Done()
        raise error

    async with connection(fail) as (hand, _):
        hand.send(opened(1, op="list"))
        told = (await hand.until(Fail)).error
        assert told["code"] == ("engine_fault" if isinstance(error, EngineFault) else "error")
        await hand.quiet()


@pytest.mark.parametrize("frame", [Ping(1), opened(1, op="teleport")])
async def test_who_asks_and_reads_nothing_is_hung_up_on(frame: frames.Frame) -> None:
    async with connection(perform) as (hand, theirs):
        data = frames.encode(frame) * 1000
        async with asyncio.timeout(30):
            while not theirs.closed:
                hand.write(data)
                await hand.drained()
    async with connection(perform) as (hand, theirs):
        for _ in range(2 * REPLIES // len(data)):
            hand.write(data)
            await hand.quiet()  # one who reads may ask as long as it likes
        assert not theirs.closed


# -- hello --------------------------------------------------------------------


async def test_a_hello_from_the_future_without_a_common_version_says_who_is_to_update() -> None:
    for facts in ({}, {"oldest": VERSION + 1}, {"oldest": "none"}):
        async with connection(perform) as (hand, theirs):
            hand.send(Hello(VERSION + 8, facts))
            failed = await hand.until(Fail)
            assert failed.error["code"] == "protocol_error"
            assert "update ingle on this device" in failed.error["hint"]
            assert await hand.take() is None
            with pytest.raises(ProtocolError):
                theirs.hello.result()


async def test_a_hello_from_the_future_that_still_speaks_ours_is_welcome() -> None:
    async with connection(perform) as (hand, theirs):
        hand.send(Hello(VERSION + 8, {"oldest": OLDEST, "speaks": {"chat": 9, "dance": 2}}))
        hand.send(opened(1, **chat()))
        await hand.until(End)
        assert theirs.hello.result().version == VERSION + 8


async def test_a_second_hello_changes_nothing() -> None:
    async with connection(perform) as (hand, theirs):
        hand.send(Hello(VERSION, {"speaks": {}}), Hello(VERSION, {"speaks": {"chat": 1}}))
        await hand.quiet()
        with pytest.raises(CapabilityMissing):
            theirs.call(ASK)


async def test_before_the_hello_frames_are_small() -> None:
    async with connection(perform, max_first=1000) as (hand, theirs):
        hand.send(Hello(VERSION, {}), Open(1, raw(chat(newer="x" * 5000))))
        await hand.until(End)
        assert not theirs.closed
    async with connection(perform, max_first=1000) as (hand, theirs):
        hand.send(Open(1, raw(chat(newer="x" * 5000))))
        assert "limit" in (await hand.until(Fail)).error["message"]


@pytest.mark.parametrize(
    ("facts", "has"),
    [
        ({"version": "0.1.0", "pid": 7}, True),
        ({"version": "0.1.0", "speaks": {}}, False),
        ({"version": "9", "speaks": {"chat": 4}}, True),
        ({"version": "9", "speaks": {"chat": "new"}}, False),
        ({"engine": "llama", "version": "b4"}, True),
        ({}, True),
    ],
)
async def test_the_other_side_is_asked_only_for_what_it_has(
    facts: dict[str, Any], has: bool
) -> None:
    async with connection() as (hand, asks):
        hand.send(Hello(VERSION, facts))
        await asks.hello
        if has:
            asks.call(ASK)
            assert isinstance(await hand.take(), Open)
        else:
            with pytest.raises(CapabilityMissing, match="'chat'"):
                asks.call(ASK)


async def test_a_worker_is_asked_for_a_plug_in_of_its_node(made_up: ModuleType) -> None:
    """Its Hello has a version, too: that of its engine."""
    async with connection() as (hand, asks):
        hand.send(Hello(VERSION, {"engine": "listener", "version": "1", "load_s": 0.1}))
        await asks.hello
        asks.call(made_up.Listen(model="m"))
        assert isinstance(await hand.take(), Open)


# -- pieces that are not welcome ------------------------------------------------


def piece(data: bytes = b"x") -> msgspec.Raw:
    return raw({"piece": "bytes", "data": data})


async def test_a_piece_for_an_operation_that_takes_none_ends_it() -> None:
    async with connection(perform) as (hand, _):
        hand.send(opened(1, op="shutdown"), PieceFrame(1, piece()))
        failed = await hand.until(Fail)
        assert (failed.stream, failed.error["code"]) == (1, "invalid_request")
        assert "takes no input" in failed.error["message"]
        await hand.quiet()


async def test_a_piece_after_the_last_one_ends_the_operation(made_up: ModuleType) -> None:
    async with connection(perform) as (hand, _):
        hand.send(
            opened(1, op="made_up", model="m"),
            EndOfPieces(1),
            EndOfPieces(1),
            PieceFrame(1, piece()),
        )
        failed = await hand.until(Fail)
        assert (failed.stream, failed.error["details"]["field"]) == (1, "input")
        await hand.quiet()


async def test_a_piece_over_the_limit_ends_the_operation(made_up: ModuleType) -> None:
    async with connection(perform) as (hand, _):
        hand.send(opened(1, op="made_up", model="m"), PieceFrame(1, piece(b"x" * MAX_PIECE)))
        failed = await hand.until(Fail)
        assert failed.stream == 1
        assert str(MAX_PIECE) in failed.error["message"]
        await hand.quiet()


async def test_more_pieces_than_there_is_room_for_end_the_connection(made_up: ModuleType) -> None:
    async with connection(perform) as (hand, theirs):
        hand.send(opened(1, op="made_up", model="m"), *[PieceFrame(1, piece())] * PIECES)
        await hand.quiet()
        hand.send(PieceFrame(1, piece()))
        assert (await hand.until(Fail)).stream == 0
        assert theirs.closed or await hand.take() is None


async def test_operations_that_hold_pieces_are_few(made_up: ModuleType) -> None:
    async with connection(perform, max_piece_streams=2) as (hand, _):
        for stream in (1, 2, 3):
            hand.send(opened(stream, op="made_up", model="m"))
        failed = await hand.until(Fail)
        assert (failed.stream, failed.error["code"]) == (3, "busy")
        hand.send(Cancel(1))
        assert (await hand.until(Fail)).stream == 1
        hand.send(opened(4, op="made_up", model="m"))
        hand.send(opened(5, **chat()))
        assert (await hand.until(End, Fail)) == End(5)


async def test_an_operation_that_is_cancelled_twice_ends_in_order() -> None:
    ended, put_away = asyncio.Event(), asyncio.Event()

    async def careful(operation: Operation, feed: PieceStream | None) -> AsyncIterator[Passed]:
        try:
            yield Progress(stage="resolving")
            await asyncio.Event().wait()
        finally:
            await put_away.wait()
            ended.set()

    async with connection(careful) as (hand, _):
        hand.send(opened(1, op="list"))
        await hand.until(EventFrame)
        hand.send(Cancel(1))
        await hand.quiet()
        hand.send(Cancel(1), Cancel(1))
        await hand.quiet()
        put_away.set()
        failed = await hand.until(Fail)
        assert failed.error["code"] == "cancelled"
        assert ended.is_set()


async def test_the_reader_of_a_lost_connection_is_told_so() -> None:
    async with connection() as (hand, asks):
        call = asks.call(ASK)
        await hand.until(Open)
        hand.close()
        with pytest.raises(NodeUnreachable):
            await anext(call)
        await call.ended


async def test_a_cancel_before_the_operation_has_begun_is_answered() -> None:
    async with connection(perform) as (hand, _):
        hand.send(opened(1, op="shutdown"), Cancel(1))
        failed = await hand.until(Fail)
        assert failed.error["code"] == Cancelled.code
