"""Frames: what goes over the wire, and nothing else.

A frame is a 4-byte big-endian length followed by that many bytes of
MessagePack (https://msgpack.org): an array whose first element is the frame's
tag. Several operations share one connection; each has a *stream* number chosen
by the side that opened it. Life of a stream::

    Open ->            <- Item, Item, ...   <- End | Fail
          Credit ->  (take more items)
          Put, Put, ... ->  Close ->        <- Room  (send more pieces)
          Cancel ->                         <- End | Fail   (always answered)

Back-pressure: a sender may have `WINDOW` items out; the receiver gives more
credit as it takes them. Pieces that a caller puts into a stream have a window
of their own, `PIECES`, and `PieceCredit` gives more.

Operations, events and pieces stay encoded here (`msgspec.Raw`): a frame is read
although its content is not known, and content that is only passed on is not
decoded. A frame of an unknown kind, from a later version, is skipped.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import msgspec

from ingle.errors import IngleError, InvalidRequest, ProtocolError
from ingle.operations.encoded import UNREADABLE
from ingle.operations.operation import Operation

VERSION = 1
OLDEST = 1
"""The oldest version of the protocol that this one can still speak."""
WINDOW = 512
"""Items that may be on their way before the receiver has given credit for more."""
PIECES = 32
"""Pieces that may be on their way before the receiver has made room for more."""
MAX_PIECE = 2**20 + 2**10
"""Bytes of one piece: a MiB of data, and what is around it."""
MAX_FRAME = 64 * 2**20
"""Bytes. Holds a request with a few pictures, or 16,000 vectors of 1,024 dimensions."""

_LENGTH = struct.Struct(">I")


class _Frame(msgspec.Struct, frozen=True, array_like=True):
    """Base of all frames."""


class Hello(_Frame, frozen=True, tag="h"):
    """First frame of who answers: who it is, and which version of the protocol it speaks.

    Between devices both sides send one.

    ``facts["speaks"]`` maps the capabilities of the sender to their versions, and
    ``facts["oldest"]`` is the oldest protocol that it speaks. Both came with ingle 0.2.
    """

    version: int
    facts: dict[str, Any] = {}


class Open(_Frame, frozen=True, tag="o"):
    """Perform this operation on a new stream."""

    stream: int
    operation: msgspec.Raw


class EventFrame(_Frame, frozen=True, tag="i"):
    """One event of a stream."""

    stream: int
    event: msgspec.Raw


class End(_Frame, frozen=True, tag="e"):
    """The stream ended well."""

    stream: int


class Fail(_Frame, frozen=True, tag="f"):
    """The stream ended with an error (`IngleError.to_data`). Stream 0: the connection itself."""

    stream: int
    error: dict[str, Any]


class Cancel(_Frame, frozen=True, tag="c"):
    """Stop working on this stream; still answered by `End` or `Fail`."""

    stream: int


class Credit(_Frame, frozen=True, tag="w"):
    """The receiver takes this many more items."""

    stream: int
    items: int


class PieceFrame(_Frame, frozen=True, tag="d"):
    """A piece that the caller sends into a stream."""

    stream: int
    piece: msgspec.Raw


class EndOfPieces(_Frame, frozen=True, tag="z"):
    """The caller sends no more pieces into this stream."""

    stream: int


class PieceCredit(_Frame, frozen=True, tag="r"):
    """The side that performs takes this many more pieces."""

    stream: int
    pieces: int


class Ping(_Frame, frozen=True, tag="p"):
    """Are you there?"""

    id: int


class Pong(_Frame, frozen=True, tag="q"):
    """Yes."""

    id: int


Frame = (
    Hello
    | Open
    | EventFrame
    | End
    | Fail
    | Cancel
    | Credit
    | PieceFrame
    | EndOfPieces
    | PieceCredit
    | Ping
    | Pong
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)
_loose = msgspec.msgpack.Decoder()
_KNOWN = frozenset("hoiefcwdzrpq")


def packed(value: msgspec.Struct) -> bytes:
    """An operation, event or piece as the content of a frame.

    Raises:
        InvalidRequest: a text in it is not Unicode (a lone surrogate).
    """
    try:
        return _encoder.encode(value.to_wire() if isinstance(value, Operation) else value)
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"a text is not valid Unicode: {error}", field="request") from None


def failure(stream: int, error: IngleError) -> Fail:
    """How a stream failed. What cannot be sent of the reason, such as odd bytes in the name of a
    file, does not keep the caller waiting."""
    data = error.to_data()
    try:
        _encoder.encode(data)
    except (UnicodeEncodeError, TypeError, OverflowError):
        data = {"code": error.code, "message": _sendable(error.message)}
        data["hint"] = _sendable(error.hint)
    return Fail(stream, data)


def _sendable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def encode(frame: Frame, limit: int = MAX_FRAME) -> bytes:
    """A frame as bytes, with its length in front.

    Raises:
        ProtocolError: larger than the limit.
    """
    body = _encoder.encode(frame)
    if len(body) > limit:
        raise ProtocolError(f"a frame of {len(body)} bytes is over the limit of {limit}")
    return _LENGTH.pack(len(body)) + body


def speaks(hello: Hello) -> None:
    """Check that the other side and we have a version of the protocol in common.

    Raises:
        ProtocolError: we do not; says which side is to be updated.
    """
    oldest = hello.facts.get("oldest", hello.version)
    if hello.version >= OLDEST and isinstance(oldest, int) and oldest <= VERSION:
        return
    newer = "this device" if hello.version > VERSION else "the other device"
    raise ProtocolError(
        f"the other side speaks version {hello.version} of the protocol, we {VERSION}",
        hint=f"update ingle on {newer}: pip install --upgrade ingle",
    )


class FrameReader:
    """Cuts a byte stream into frames.

    Args:
        limit: largest frame taken, in bytes.
    """

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self.limit = limit
        self._buffer = bytearray()

    @property
    def begun(self) -> int:
        """Bytes of the frame of which a part is here; 0: none is, or its length is not known."""
        return _LENGTH.unpack_from(self._buffer)[0] if len(self._buffer) >= 4 else 0

    def forget(self) -> None:
        """Nothing more comes: what has arrived of a frame is freed at once, not with its reader."""
        self._buffer.clear()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes, yield the frames that are whole now.

        Raises:
            ProtocolError: a length over the limit, or bytes that are not a frame.
                Nothing after it can be trusted; close the connection.
        """
        buffer = self._buffer
        buffer += data
        at, end = 0, len(buffer)
        try:
            while end - at >= 4:
                (length,) = _LENGTH.unpack_from(buffer, at)
                if length > self.limit:
                    raise ProtocolError(
                        f"the other side announced a frame of {length} bytes; "
                        f"the limit is {self.limit}"
                    )
                if end - at - 4 < length:
                    break
                # A copy, since what is passed on outlives the buffer.
                body = bytes(memoryview(buffer)[at + 4 : at + 4 + length])
                at += 4 + length
                frame = _decode(body)
                if frame is not None:
                    yield frame
        finally:
            del buffer[:at]


def _decode(body: bytes) -> Frame | None:
    """A frame; None if it is of a kind that a later version has."""
    try:
        return _decoder.decode(body)
    except UNREADABLE as error:
        try:
            whole = _loose.decode(body)
        except UNREADABLE:
            whole = None
        match whole:
            case [str(kind), *_] if kind not in _KNOWN and len(kind) <= 32:
                return None
        raise ProtocolError(f"the other side sent bytes that are not a frame: {error}") from None
