from __future__ import annotations

import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingle.capabilities.chat.operation import Chat
from ingle.errors import InvalidRequest, ProtocolError
from ingle.operations import Message, Text, Usage
from ingle.operations.operation import Bytes
from ingle.operations.reading import read
from ingle.protocol import frames
from ingle.protocol.frames import (
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
)


def raw(value: msgspec.Struct) -> msgspec.Raw:
    return msgspec.Raw(frames.packed(value))


numbers = st.integers(0, 2**31)
texts = st.text(st.characters(codec="utf-8"), max_size=40)
some_frames = st.one_of(
    st.builds(Hello, version=numbers, facts=st.dictionaries(texts, numbers, max_size=3)),
    st.builds(
        lambda stream, text: Open(
            stream, raw(Chat(model="m", messages=[Message(role="user", content=text)]))
        ),
        numbers,
        texts,
    ),
    st.builds(lambda stream, text: EventFrame(stream, raw(Text(text=text))), numbers, texts),
    st.builds(
        lambda stream, count: EventFrame(stream, raw(Usage(prompt_tokens=count))), numbers, numbers
    ),
    st.builds(End, numbers),
    st.builds(lambda stream: Fail(stream, {"code": "busy", "message": "m"}), numbers),
    st.builds(Cancel, numbers),
    st.builds(Credit, numbers, numbers),
    st.builds(lambda stream, data: PieceFrame(stream, raw(Bytes(data=data))), numbers, st.binary()),
    st.builds(EndOfPieces, numbers),
    st.builds(PieceCredit, numbers, numbers),
    st.builds(Ping, numbers),
    st.builds(Pong, numbers),
)


@given(sent=st.lists(some_frames, max_size=8), cuts=st.lists(st.integers(0, 400), max_size=8))
def test_frames_survive_any_cutting_of_the_stream(sent: list[Frame], cuts: list[int]) -> None:
    data = b"".join(frames.encode(frame) for frame in sent)
    reader, received, at = FrameReader(), [], 0
    for cut in [*sorted(cuts), len(data)]:
        received += list(reader.feed(data[at:cut]))
        at = max(at, cut)
    assert [frames.encode(frame) for frame in received] == [frames.encode(frame) for frame in sent]


@given(data=st.binary(max_size=200))
def test_garbage_is_refused_or_waits_for_more(data: bytes) -> None:
    try:
        for frame in FrameReader(limit=1000).feed(data):
            assert frame is not None
    except ProtocolError:
        pass


def test_text_that_is_not_unicode_is_refused_where_it_is_read() -> None:
    body = b"\x93\xa1o\x01\xa2\xff\xfe"
    (found,) = FrameReader().feed(struct.pack(">I", len(body)) + body)
    assert isinstance(found, Open)
    with pytest.raises(InvalidRequest):
        read(bytes(found.operation))


def test_a_frame_over_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(ProtocolError, match="limit"):
        list(FrameReader(limit=1000).feed(struct.pack(">I", 2**31)))


def test_a_frame_of_an_unknown_kind_is_skipped() -> None:
    later = msgspec.msgpack.encode(["later", 7, {"more": True}])
    data = struct.pack(">I", len(later)) + later + frames.encode(Ping(3))
    assert list(FrameReader().feed(data)) == [Ping(3)]


def test_a_frame_with_more_in_it_than_is_known_is_read() -> None:
    body = msgspec.msgpack.encode(["p", 3, "and more"])
    assert list(FrameReader().feed(struct.pack(">I", len(body)) + body)) == [Ping(3)]


def test_a_frame_in_a_thousand_pieces_is_copied_once() -> None:
    """The buffer is not searched again for each piece: 16 MiB in pieces of 16 KiB."""
    frame = frames.encode(PieceFrame(1, raw(Bytes(data=b"x" * 2**20))))
    whole = frame * 16
    reader = FrameReader()
    found = [f for at in range(0, len(whole), 2**14) for f in reader.feed(whole[at : at + 2**14])]
    assert len(found) == 16


def test_text_that_is_no_unicode_is_the_requests_fault() -> None:
    with pytest.raises(InvalidRequest, match="Unicode"):
        frames.packed(Text(text="\ud800"))


def test_what_is_here_of_a_frame_can_be_forgotten() -> None:
    reader, whole = FrameReader(), frames.encode(Ping(7))
    assert reader.begun == 0
    assert list(reader.feed(whole[:3])) == []
    assert reader.begun == 0, "its length is not known"
    assert list(reader.feed(whole[3:-1])) == []
    assert reader.begun == len(whole) - 4
    reader.forget()
    assert reader.begun == 0
    assert list(reader.feed(whole)) == [Ping(7)]
