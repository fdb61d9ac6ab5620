"""Frames: what goes over the wire, and nothing else.

A frame is a 4-byte big-endian length followed by that many bytes of
MessagePack (https://msgpack.org): an array whose first element is the frame's
tag. Several operations share one connection; each has a *stream* number chosen
by the side that opened it. Life of a stream::

    Open ->            <- Item, Item, ...   <- End | Fail
          Credit ->  (take more items)
          Cancel ->                         <- End | Fail   (always answered)

Back-pressure: a sender may have `WINDOW` items out; the receiver gives more
credit as it takes them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import msgspec

from ingle.errors import InvalidRequest, ProtocolError
from ingle.operations import AnyEvent, AnyOperation, invalid_field

VERSION = 1
WINDOW = 512
"""Items that may be on their way before the receiver has given credit for more."""
MAX_FRAME = 64 * 2**20
"""Bytes. Holds a request with a few pictures, or 16,000 vectors of 1,024 dimensions."""

_LENGTH = struct.Struct(">I")


class _Frame(msgspec.Struct, frozen=True, array_like=True):
    """Base of all frames."""


class Hello(_Frame, frozen=True, tag="h"):
    """First frame of either side: who speaks, and which version of the protocol."""

    version: int
    facts: dict[str, Any] = {}


class Open(_Frame, frozen=True, tag="o"):
    """Perform this operation on a new stream."""

    stream: int
    operation: AnyOperation


class Item(_Frame, frozen=True, tag="i"):
    """One event of a stream."""

    stream: int
    event: AnyEvent


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
    """The receiver takes so many more items."""

    stream: int
    items: int


class Ping(_Frame, frozen=True, tag="p"):
    """Are you there?"""

    id: int


class Pong(_Frame, frozen=True, tag="q"):
    """Yes."""

    id: int


Frame = Hello | Open | Item | End | Fail | Cancel | Credit | Ping | Pong

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)
_loose = msgspec.msgpack.Decoder()


def encode(frame: Frame) -> bytes:
    """A frame as bytes, with its length in front.

    Raises:
        ProtocolError: larger than `MAX_FRAME`.
        InvalidRequest: a text in it is no Unicode (a lone surrogate).
    """
    try:
        body = _encoder.encode(frame)
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"a text is not valid Unicode: {error}", field="request") from None
    if len(body) > MAX_FRAME:
        raise ProtocolError(f"a frame of {len(body)} bytes is over the limit of {MAX_FRAME}")
    return _LENGTH.pack(len(body)) + body


class BadOperation(Exception):
    """An `Open` frame that is whole but holds a request that is not valid."""

    def __init__(self, stream: int, error: InvalidRequest) -> None:
        super().__init__(str(error))
        self.stream = stream
        self.error = error


class FrameReader:
    """Cuts a byte stream into frames.

    Args:
        limit: largest frame taken, in bytes.
    """

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame | BadOperation]:
        """Take bytes, yield the frames that are whole now.

        Raises:
            ProtocolError: a length over the limit, or bytes that are no frame.
                Nothing after it can be trusted; close the connection.
        """
        buffer = self._buffer
        buffer += data
        at, end = 0, len(buffer)
        try:
            while end - at >= 4:
                (length,) = _LENGTH.unpack_from(buffer, at)
                if length > self._limit:
                    raise ProtocolError(
                        f"the other side announced a frame of {length} bytes; "
                        f"the limit is {self._limit}"
                    )
                if end - at - 4 < length:
                    break
                with memoryview(buffer) as view:
                    body = view[at + 4 : at + 4 + length]
                    try:
                        frame = _decode(body)
                    finally:
                        body.release()
                at += 4 + length
                yield frame
        finally:
            del buffer[:at]


def _decode(body: memoryview) -> Frame | BadOperation:
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, InvalidRequest) as error:
        return _bad_operation(body, error)


def _bad_operation(body: memoryview, error: Exception) -> BadOperation:
    """A frame we cannot take: if it is an `Open`, only that stream is at fault."""
    try:
        whole = _loose.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        whole = None
    match whole:
        case ["o", int(stream), *_]:
            if isinstance(error, msgspec.ValidationError):
                text = str(error).replace("`$[2].", "`$.").replace("`$[2]`", "`$`")
                error = invalid_field("", msgspec.ValidationError(text))
            if not isinstance(error, InvalidRequest):
                error = InvalidRequest(str(error), field="request")
            return BadOperation(stream, error)
    raise ProtocolError(f"the other side sent bytes that are no frame: {error}") from None
