"""The seam under everything that crosses to another device.

A transport carries *links*: encrypted, and authenticated to the other side's
key by the transport itself. A link carries *streams*. Two transports exist:
iroh's QUIC (`ingle.peers.iroh`), and the simulated network of `ingle.testing`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

from ingle.peers.identity import Key

PAIR = b"ingle/pair/1"
"""Application protocol (ALPN, RFC 7301) of pairing: the only one strangers may speak."""
NODE = b"ingle/node/1"
"""Operations, in the framed protocol."""
FILE = b"ingle/file/1"
"""Ranges of shared model files."""
PROTOCOLS = [PAIR, NODE, FILE]

Way = Literal["lan", "direct", "relay"]


class PeerAddress(NamedTuple):
    """Where a key may be found."""

    key: Key
    places: tuple[str, ...] = ()
    """``IP:PORT``, the likeliest first."""
    relay: str = ""
    """URL of the relay it keeps a connection to."""


class LinkPath(NamedTuple):
    """How a link runs right now."""

    way: Way
    place: str
    """The other side's ``IP:PORT`` as seen from here, or the relay's URL."""
    round_trip_s: float


class LinkError(Exception):
    """A link could not be made, or broke. Turned into one of our errors where it is known whose."""


class Stream(Protocol):
    """An ordered stream of bytes both ways: a `ByteStream` that can also be read by count."""

    async def receive(self) -> bytes:
        """Some bytes; empty at the end of the stream, also a broken one."""
        ...

    async def receive_exactly(self, count: int) -> bytes:
        """So many bytes.

        Raises:
            LinkError: the stream ended before.
        """
        ...

    def send(self, data: bytes) -> None:
        """Queue bytes. Dropped once the stream is broken."""
        ...

    async def drain(self) -> None:
        """Wait until the queue is short."""
        ...

    async def stop(self) -> None:
        """Take nothing more: what the other side still sends is dropped. Not while receiving."""
        ...

    def close(self) -> None:
        """End both directions, what is queued still leaves; may be called twice."""
        ...


class Link(Protocol):
    """An authenticated connection to one key."""

    @property
    def remote(self) -> Key:
        """Whose it is: proven by the handshake, never just claimed."""
        ...

    @property
    def protocol(self) -> bytes:
        """The ALPN it was made for."""
        ...

    def path(self) -> LinkPath | None:
        """How it runs now; None if that is not known."""
        ...

    async def open(self) -> Stream:
        """A new stream.

        Raises:
            LinkError: the link is gone.
        """
        ...

    async def accept(self) -> Stream:
        """The next stream that the other side opens.

        Only a link for `FILE` has several, all opened by who dialled: another one ends any link,
        since what is sent into a stream that no one takes would be kept for ever.

        Raises:
            LinkError: the link is gone.
        """
        ...

    def close(self, reason: str = "") -> None:
        """End it at once, with all its streams. The other side may read the reason."""
        ...


class IncomingConnection(Protocol):
    """A link that someone wants: not authenticated yet, nothing spent on it yet."""

    @property
    def place(self) -> str:
        """Where it comes from."""
        ...

    async def admit(self) -> Link:
        """Do the handshake. Wrap in a timeout.

        Raises:
            LinkError: the other side failed it, or disappeared.
        """
        ...

    async def reject(self) -> None:
        """Refuse it at the smallest cost."""
        ...


class Transport(Protocol):
    """One node's end of the network."""

    @property
    def places(self) -> list[str]:
        """Where it listens, ``IP:PORT``, as others on the same network may reach it."""
        ...

    @property
    def relay(self) -> str:
        """The relay it can be reached by; empty without one."""
        ...

    async def dial(self, address: PeerAddress, protocol: bytes) -> Link:
        """Connect to a key. Tries all places at once. Wrap in a timeout.

        Raises:
            LinkError: no one there, someone else there, or the protocol is refused.
        """
        ...

    async def accept(self) -> IncomingConnection | None:
        """The next one who wants a link; None once the transport is closed."""
        ...

    async def close(self) -> None:
        """Close all links and stop listening."""
        ...
