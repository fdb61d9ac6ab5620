from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingle.errors import InvalidRequest, ProtocolError
from ingle.operations import Chat, Message, Text, Usage
from ingle.protocol import frames
from ingle.protocol.frames import (
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

numbers = st.integers(0, 2**31)
texts = st.text(st.characters(codec="utf-8"), max_size=40)
some_frames = st.one_of(
    st.builds(Hello, version=numbers, facts=st.dictionaries(texts, numbers, max_size=3)),
    st.builds(
        lambda stream, text: Open(
            stream, Chat(model="m", messages=[Message(role="user", content=text)])
        ),
        numbers,
        texts,
    ),
    st.builds(lambda stream, text: Item(stream, Text(text=text)), numbers, texts),
    st.builds(lambda stream, count: Item(stream, Usage(prompt_tokens=count)), numbers, numbers),
    st.builds(End, numbers),
    st.builds(lambda stream: Fail(stream, {"code": "busy", "message": "m"}), numbers),
    st.builds(Cancel, numbers),
    st.builds(Credit, numbers, numbers),
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
    assert received == sent


@given(data=st.binary(max_size=200))
def test_garbage_is_refused_or_waits_for_more(data: bytes) -> None:
    try:
        for frame in FrameReader(limit=1000).feed(data):
            assert frame is not None
    except ProtocolError:
        pass


def test_text_that_is_no_unicode_is_refused() -> None:
    body = b"\x93\xa1o\x01\xa2\xff\xfe"
    with pytest.raises(ProtocolError, match="no frame"):
        list(FrameReader().feed(struct.pack(">I", len(body)) + body))


def test_a_frame_over_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(ProtocolError, match="limit"):
        list(FrameReader(limit=1000).feed(struct.pack(">I", 2**31)))


def test_a_bad_request_blames_only_its_own_stream() -> None:
    import msgspec

    body = msgspec.msgpack.encode(
        ["o", 7, {"op": "chat", "model": "m", "messages": [{"role": "x"}]}]
    )
    (found,) = FrameReader().feed(struct.pack(">I", len(body)) + body)
    assert isinstance(found, BadOperation)
    assert found.stream == 7
    assert found.error.details["field"] == "messages[0].role"


def test_text_that_is_no_unicode_is_the_requests_fault() -> None:
    with pytest.raises(InvalidRequest, match="Unicode"):
        frames.encode(Item(1, Text(text="\ud800")))
