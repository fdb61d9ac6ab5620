"""`Encoded`: an event (or piece) that is still MessagePack, for those who only pass it on.

A node hands most events from one connection to the next. Decoding and encoding each would
cost more than all the rest of its way, and would lose what this version does not know. So
events travel encoded; the tag is read off the first bytes, and the side that needs the content
decodes it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

import msgspec

from ingle.errors import ProtocolError
from ingle.operations.operation import Event

_map = msgspec.msgpack.Decoder(dict[str, Any])
_encoder = msgspec.msgpack.Encoder()
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What comes of decoding bytes that someone made up; nesting without end is the last."""


class Encoded:
    """One event as bytes.

    Args:
        data: a MessagePack map whose first entry is the tag.
    """

    __slots__ = ("data", "tag")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.tag = peek(data)

    def decode(self, types: Mapping[str, type[Event]]) -> Event | None:
        """The event; None where its tag is not among the types.

        Raises:
            ProtocolError: the tag is known and the rest does not fit.
        """
        kind = types.get(self.tag)
        if kind is None:
            return None
        try:
            return _decoder(kind).decode(self.data)
        except UNREADABLE as error:
            raise ProtocolError(f"the event {self.tag!r} cannot be read: {error}") from None


Passed = Event | Encoded
"""What flows through a node: events that it made, and those that it only passes on."""


def tag(event: Passed) -> str:
    """The name of an event on the wire."""
    return event.tag if isinstance(event, Encoded) else str(event.__struct_config__.tag)


def size(event: Passed) -> int:
    """Bytes of an event on the wire."""
    return len(event.data if isinstance(event, Encoded) else _encoder.encode(event))


async def decoded(
    events: AsyncIterator[Passed], types: Mapping[str, type[Event]]
) -> AsyncGenerator[Event, None]:
    """Events for someone who reads them; those of an unknown tag are skipped.

    Raises:
        ProtocolError: an event of a known tag cannot be read.
    """
    async for event in events:
        if isinstance(event, Encoded):
            known = event.decode(types)
            if known is not None:
                yield known
        else:
            yield event


def peek(data: bytes) -> str:
    """The tag of an encoded struct: its first entry, as msgspec writes it.

    Raises:
        ProtocolError: the bytes are not a map that begins with a tag.
    """
    # A map of up to 15 entries; a key of up to 31 bytes; the tag likewise. This is what
    # all of ours are, so that nothing needs to be decoded to know what passes.
    try:
        if 0x81 <= data[0] <= 0x8F and 0xA1 <= data[1] <= 0xBF:
            at = data[1] - 0x9E  # 2 bytes before the key
            if 0xA1 <= data[at] <= 0xBF:
                return data[at + 1 : at + data[at] - 0x9F].decode()
        return str(next(iter(_map.decode(data).values())))
    except (IndexError, StopIteration, *UNREADABLE) as error:
        raise ProtocolError(f"received bytes that are not an event: {error}") from None


_decoders: dict[type[Event], msgspec.msgpack.Decoder[Event]] = {}


def _decoder(kind: type[Event]) -> msgspec.msgpack.Decoder[Event]:
    found = _decoders.get(kind)
    if found is None:
        found = _decoders[kind] = msgspec.msgpack.Decoder(kind)
    return found
