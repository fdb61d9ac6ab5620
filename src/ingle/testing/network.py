"""A simulated network under the transport seam: delays, partitions, firewalls, silent deaths.

Deterministic: run it in `ingle.testing.virtual_time`. Links are as reliable as
QUIC's: what a partition holds up arrives when it heals, in order. A node that
is killed says no goodbye.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ingle.peers.discovery import DiscoveredNode
from ingle.peers.identity import Identity, Key
from ingle.peers.transport import LinkError, LinkPath, PeerAddress

PORT = 11412


class Network:
    """All nodes, and what lies between them.

    Args:
        delay_s: one way, between any two nodes.
    """

    def __init__(self, delay_s: float = 0.005) -> None:
        self.delay_s = delay_s
        self._nodes: dict[str, SimulatedTransport] = {}
        self._cuts: set[frozenset[str]] = set()
        self._dead: set[str] = set()
        self._held: list[tuple[str, str, _Pipe]] = []
        self.announced: dict[str, DiscoveredNode] = {}

    def join(self, identity: Identity, *, behind_nat: bool = False) -> SimulatedTransport:
        """A node's end. Behind a NAT, only those it has dialled itself can reach it."""
        place = f"10.0.0.{len(self._nodes) + 1}:{PORT}"
        transport = SimulatedTransport(self, identity, place, behind_nat)
        self._nodes[place] = transport
        return transport

    def cut(self, one: str, other: str) -> None:
        """Nothing passes between two places from now on; no one is told."""
        self._cuts.add(frozenset((one, other)))

    def reconnect(self) -> None:
        """Every cut ends; what was held up arrives."""
        self._cuts.clear()
        held, self._held = self._held, []
        for _, _, pipe in held:
            pipe.flush()

    def kill(self, place: str) -> None:
        """A node falls silent for ever: its process was killed, or its cable pulled."""
        self._dead.add(place)

    def passes(self, one: str, other: str) -> bool:
        """Bytes get from one place to the other."""
        return not ({one, other} & self._dead) and frozenset((one, other)) not in self._cuts

    def hold(self, source: str, target: str, pipe: _Pipe) -> None:
        """Deliver this when the network heals."""
        self._held.append((source, target, pipe))

    def at(self, place: str) -> SimulatedTransport | None:
        """Who is there."""
        return self._nodes.get(place)


class _Pipe:
    """One direction of a stream: bytes on their way, and bytes that have arrived."""

    def __init__(self, network: Network, source: str, target: str) -> None:
        self._network = network
        self._ends = (source, target)
        self._arrived = bytearray()
        self._waiting: deque[bytes | None] = deque()
        self._changed = asyncio.Event()
        self.ended = False

    def send(self, data: bytes | None) -> None:
        """Send bytes; None: the end."""
        asyncio.get_running_loop().call_later(self._network.delay_s, self._deliver, data)

    def flush(self) -> None:
        """What was held up arrives."""
        waiting, self._waiting = self._waiting, deque()
        for data in waiting:
            self._deliver(data)

    def drop(self) -> None:
        """The end, at once."""
        self.ended = True
        self._changed.set()

    async def take(self, count: int | None) -> bytes:
        """So many bytes; None: some; fewer at the end."""
        while not self.ended and len(self._arrived) < (count or 1):
            self._changed.clear()
            await self._changed.wait()
        size = len(self._arrived) if count is None else count
        data = bytes(self._arrived[:size])
        del self._arrived[:size]
        return data

    def _deliver(self, data: bytes | None) -> None:
        if self._waiting or not self._network.passes(*self._ends):
            self._waiting.append(data)
            self._network.hold(*self._ends, self)
            return
        if data is None:
            self.ended = True
        else:
            self._arrived += data
        self._changed.set()


class SimulatedStream:
    """See `ingle.peers.transport.Stream`."""

    def __init__(self, incoming: _Pipe, outgoing: _Pipe) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._closed = False

    async def receive(self) -> bytes:
        return await self._incoming.take(None)

    async def receive_exactly(self, count: int) -> bytes:
        data = await self._incoming.take(count)
        if len(data) < count:
            raise LinkError("the stream ended")
        return data

    def send(self, data: bytes) -> None:
        if not self._closed:
            self._outgoing.send(data)

    async def drain(self) -> None:
        await asyncio.sleep(0)

    async def stop(self) -> None:
        self._incoming.drop()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._outgoing.send(None)
            self._incoming.drop()


class SimulatedLink:
    """See `ingle.peers.transport.Link`."""

    def __init__(
        self, network: Network, here: str, there: str, remote: Key, protocol: bytes
    ) -> None:
        self._network = network
        self._here, self._there = here, there
        self.remote = remote
        self.protocol = protocol
        self.other: SimulatedLink
        self._offered: asyncio.Queue[SimulatedStream | None] = asyncio.Queue()
        self._streams: list[SimulatedStream] = []
        self._closed = False

    def path(self) -> LinkPath | None:
        return LinkPath("lan", self._there, 2 * self._network.delay_s)

    async def open(self) -> SimulatedStream:
        if self._closed:
            raise LinkError("the link is closed")
        out = _Pipe(self._network, self._here, self._there)
        back = _Pipe(self._network, self._there, self._here)
        mine, theirs = SimulatedStream(back, out), SimulatedStream(out, back)
        self._streams.append(mine)
        self.other.offer(theirs)
        return mine

    async def accept(self) -> SimulatedStream:
        stream = await self._offered.get()
        if stream is None:
            self._offered.put_nowait(None)
            raise LinkError("the link is closed")
        return stream

    def offer(self, stream: SimulatedStream) -> None:
        """The other side opened a stream."""
        self._streams.append(stream)
        self._offered.put_nowait(stream)

    def close(self, reason: str = "") -> None:
        self._end()
        loop = asyncio.get_running_loop()
        if self._network.passes(self._here, self._there):
            loop.call_later(self._network.delay_s, self.other._end)

    def _end(self) -> None:
        if not self._closed:
            self._closed = True
            self._offered.put_nowait(None)
            for stream in self._streams:
                stream.close()
                stream._incoming.drop()


class SimulatedIncomingConnection:
    """See `ingle.peers.transport.IncomingConnection`."""

    def __init__(self, place: str, link: SimulatedLink, answer: asyncio.Future[bool]) -> None:
        self.place = place
        self._link = link
        self._answer = answer

    async def admit(self) -> SimulatedLink:
        if not self._answer.done():
            self._answer.set_result(True)
        return self._link

    async def reject(self) -> None:
        if not self._answer.done():
            self._answer.set_result(False)


class SimulatedTransport:
    """See `ingle.peers.transport.Transport`. Made by `Network.join`."""

    def __init__(self, network: Network, identity: Identity, place: str, behind_nat: bool) -> None:
        self._network = network
        self._identity = identity
        self.place = place
        self.relay = ""
        self._behind_nat = behind_nat
        self._dialled: set[str] = set()
        self._knocks: asyncio.Queue[SimulatedIncomingConnection | None] = asyncio.Queue()

    @property
    def places(self) -> list[str]:
        return [self.place]

    async def dial(self, address: PeerAddress, protocol: bytes) -> SimulatedLink:
        delay = self._network.delay_s
        self._dialled |= set(address.places)
        await asyncio.sleep(2 * delay)
        for place in address.places:
            other = self._network.at(place)
            if other is None or not self._network.passes(self.place, place):
                continue
            if other._behind_nat and self.place not in other._dialled:
                continue
            if other._identity.key != address.key:
                raise LinkError("someone else is there")
            return await self._connect(other, protocol)
        await asyncio.sleep(60)  # packets that are lost are answered by no one
        raise LinkError("no one answers")

    async def accept(self) -> SimulatedIncomingConnection | None:
        return await self._knocks.get()

    async def close(self) -> None:
        self._knocks.put_nowait(None)

    async def _connect(self, other: SimulatedTransport, protocol: bytes) -> SimulatedLink:
        mine = SimulatedLink(self._network, self.place, other.place, other._identity.key, protocol)
        theirs = SimulatedLink(self._network, other.place, self.place, self._identity.key, protocol)
        mine.other, theirs.other = theirs, mine
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        other._knocks.put_nowait(SimulatedIncomingConnection(self.place, theirs, answer))
        if not await answer:
            raise LinkError("turned away")
        return mine


class SimulatedDiscovery:
    """See `ingle.peers.discovery.Discovery`: everyone who announces and is not cut off."""

    def __init__(self, network: Network, place: str) -> None:
        self._network = network
        self._place = place

    async def announce(self, identity: Identity, places: list[str]) -> None:
        self._network.announced[self._place] = DiscoveredNode(
            identity.key, identity.name, tuple(places)
        )

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[asyncio.Queue[DiscoveredNode]]:
        found: asyncio.Queue[DiscoveredNode] = asyncio.Queue()
        for place, neighbour in self._network.announced.items():
            if place != self._place and self._network.passes(self._place, place):
                found.put_nowait(neighbour)
        yield found

    async def close(self) -> None:
        with contextlib.suppress(KeyError):
            del self._network.announced[self._place]
