"""The peers' port: a paired device that is hostile, and strangers, beside one that is honest."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import random
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import msgspec

from ingle.capabilities.peers.operation import Join, Paired
from ingle.errors import IngleError, ProtocolError
from ingle.node.node import ask
from ingle.peers import invites, pairing
from ingle.peers.identity import Identity
from ingle.peers.iroh import IrohTransport
from ingle.peers.pairing import PairingCard
from ingle.peers.peer_session import MAX_FRAME
from ingle.peers.peered_node import PeeredNode
from ingle.peers.transport import FILE, NODE, PAIR, Link, LinkError, PeerAddress, Stream
from ingle.protocol import frames
from tests.peers.test_real_links import said, settings, tell

from .besieged_place import BesiegedPlace
from .finding import Found
from .frame_mutant import PING, frame_probe, packed
from .node_memory import NodeMemory
from .peer_mutant import datagrams, file_request, hello, pairing_messages
from .process_family import adopting
from .siege_part import Probe, SiegePart

HANGING = 3
"""Links of each kind that are left as they are, so that there are always some of them."""
STREAMS = (1, 3, 70)
FLOOD = 1 << 20
"""Bytes that are sent into each stream of a flood."""
PATIENCE_S = 60
DIAL_S = 20
LOOK_EVERY = 40
GREETING = packed(["h", 1, {"name": "crook", "instance": "one"}])
PAIRED, STRANGER = "paired", "stranger"


class BesiegedPort:
    """A node that others may dial, two that attack it, and one that it must go on serving."""

    def __init__(self, besieged: BesiegedPlace) -> None:
        self._besieged = besieged
        self._count = 0
        self._hanging: collections.deque[Link] = collections.deque()
        self._crooks: dict[str, IrohTransport] = {}
        self._honest: PeeredNode | None = None
        self._address: PeerAddress
        self._digest, self._size = "", 0

    async def open(self) -> None:
        """Pair one honest and one hostile device."""
        self._honest = await PeeredNode.open(settings(self._besieged.folder / "files", "honest"))
        await ask(self._honest, Join(code=await self._invite()), Paired)
        for name in (PAIRED, STRANGER):
            secret = Identity.generate(name).secret
            self._crooks[name] = await IrohTransport.bind(secret, "127.0.0.1", 0)
        ticket = invites.parse(await self._invite())
        self._address = ticket.address
        link = await self._crooks[PAIRED].dial(self._address, PAIR)
        await pairing.redeem(link, ticket.secret, PairingCard("crook"))
        link.close()
        shown = await asyncio.to_thread(self._besieged.succeed, "show", "shared", "--json")
        shared = json.loads(shown)
        self._digest, self._size = shared["digest"], shared["size"]

    async def _invite(self) -> str:
        told = await asyncio.to_thread(
            self._besieged.succeed, "peers", "invite", "--preset", "family", "--json"
        )
        return str(json.loads(told)["code"])

    async def probe(self, chance: random.Random) -> None:
        """One link of someone hostile, or packets that are none."""
        self._count += 1
        if self._count % LOOK_EVERY == 0:
            await self.look()
        who = chance.choice((PAIRED, PAIRED, STRANGER))
        how = chance.choice((*[self._frames] * 6, *[self._pairing] * 3, *[self._files] * 3,
                             self._flood, self._unread, self._large, self._packets))  # fmt: skip
        with contextlib.suppress(LinkError, ConnectionError):  # it hung up
            await how(chance, who)

    async def look(self) -> None:
        """The node is as small as it may be, and answers the honest device.

        Raises:
            Found: it is not so.
        """
        self._besieged.look_at_nodes()
        self._besieged.memory.check()
        assert self._honest is not None
        try:
            async with asyncio.timeout(PATIENCE_S):
                text = await said(self._honest, tell(20, on="desk"))
        except (IngleError, TimeoutError) as error:
            raise Found(f"the honest device gets no answer: {error!r}") from None
        if not text:
            raise Found("the model says nothing to the honest device")

    async def end(self) -> None:
        """The attack is over, and everyone lets go. No one got in who was not there before.

        Raises:
            Found: it is not so.
        """
        while self._hanging:
            self._hanging.popleft().close()
        await self.look()
        told = await asyncio.to_thread(self._besieged.succeed, "peers", "--json")
        names = sorted(peer["name"] for peer in json.loads(told))
        if names != ["crook", "honest"]:
            raise Found(f"who is paired: {names}")

    async def close(self) -> None:
        """End what runs in this process."""
        for crook in self._crooks.values():
            await crook.close()
        if self._honest is not None:
            await self._honest.aclose()

    async def _dial(self, who: str, protocol: bytes) -> Link:
        try:
            async with asyncio.timeout(DIAL_S):
                return await self._crooks[who].dial(self._address, protocol)
        except TimeoutError:
            raise Found(f"no link for {protocol!r} within {DIAL_S} s") from None

    async def _frames(self, chance: random.Random, who: str) -> None:
        """Frames after a greeting, sometimes beside streams that no one takes."""
        link = await self._dial(who, NODE)
        asked = frame_probe(chance, hello(chance))
        stream = await link.open()
        for piece in asked.pieces:
            stream.send(piece)
            await stream.drain()
        if chance.random() < 0.1:
            await self._open_more(link, chance.choice(STREAMS), b"x")
        if asked.half_open or asked.unaligned:
            self._leave(link)
        else:
            await _wait_for_answer(stream, asked.said)
            link.close()

    async def _pairing(self, chance: random.Random, who: str) -> None:
        """Messages of pairing, to the end of the stream or left half-way."""
        link = await self._dial(who, PAIR)
        stream = await link.open()
        for message in pairing_messages(chance):
            stream.send(message)
        await stream.drain()
        self._leave(link)

    async def _files(self, chance: random.Random, who: str) -> None:
        """Requests for files, each on a stream of its own."""
        link = await self._dial(who, FILE)
        for _ in range(chance.choice(STREAMS)):
            try:
                async with asyncio.timeout(PATIENCE_S):
                    stream = await link.open()
            except TimeoutError:
                raise Found("a stream for a file is never free") from None
            stream.send(file_request(chance, self._digest))
            await stream.drain()
        self._leave(link)

    async def _flood(self, chance: random.Random, who: str) -> None:
        """As many streams as there may be, and in each as much as it takes, which no one reads."""
        link = await self._dial(who, chance.choice((NODE, PAIR, FILE)))
        self._leave(link)
        await self._open_more(link, max(STREAMS), bytes(FLOOD))

    async def _unread(self, chance: random.Random, who: str) -> None:
        """Ranges of a file on as many streams as there may be, of which nothing is read."""
        link = await self._dial(who, FILE)
        self._leave(link)
        size = chance.choice((1, self._size))
        body = msgspec.msgpack.encode([self._digest, 0, size])
        await self._open_more(link, max(STREAMS), struct.pack(">H", len(body)) + body)

    async def _large(self, chance: random.Random, who: str) -> None:
        """Nearly all of the largest frame, after a sound greeting, without its end."""
        link = await self._dial(who, NODE)
        self._leave(link)
        stream = await link.open()
        stream.send(GREETING + struct.pack(">I", MAX_FRAME))
        for _ in range(MAX_FRAME // FLOOD - 1):
            stream.send(bytes(FLOOD))
            await stream.drain()

    async def _open_more(self, link: Link, count: int, data: bytes) -> None:
        with contextlib.suppress(TimeoutError):  # as many as are allowed, and no more
            async with asyncio.timeout(2):
                for _ in range(count):
                    (await link.open()).send(data)

    async def _packets(self, chance: random.Random, who: str) -> None:
        """Packets that no handshake preceded."""
        host, _, port = self._address.places[0].rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for data in datagrams(chance):
                sender.sendto(data, (host, int(port)))

    def _leave(self, link: Link) -> None:
        """Let it be as it is; one that was left before is closed."""
        self._hanging.append(link)
        if len(self._hanging) > HANGING:
            self._hanging.popleft().close()


async def _wait_for_answer(stream: Stream, asked: str) -> None:
    """Until the last ping is answered, or the node has hung up.

    Raises:
        Found: neither happens, or what comes is not a frame.
    """
    reader = frames.FrameReader()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while data := await stream.receive():
                for frame in reader.feed(data):
                    if frame == frames.Pong(PING):
                        return
    except TimeoutError:
        raise Found(f"neither answered nor closed: {asked}") from None
    except ProtocolError as error:
        raise Found(f"not a frame ({error}): {asked}") from None


@contextlib.contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs beside the probes: the honest device answers also between them."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextlib.contextmanager
def besieged_port(folder: Path, memory: NodeMemory) -> Iterator[Probe]:
    """A node in the background that is paired with two devices."""
    for name in ("tmp", "files"):
        (folder / name).mkdir()
    with adopting() as family, _loop() as loop:
        besieged = BesiegedPlace(
            folder, family, memory, INGLE_DEVICE_NAME="desk", INGLE_EGRESS="allow"
        )

        def run(work: Coroutine[Any, Any, None]) -> None:
            asyncio.run_coroutine_threadsafe(work, loop).result()

        besieged.succeed("cp", "ember-embed", "shared")
        besieged.succeed("share", "shared")
        port = BesiegedPort(besieged)
        try:
            run(port.open())
            yield lambda chance: run(port.probe(chance))
            run(port.end())
        finally:
            run(port.close())
        besieged.stop()
        log = (folder / "state" / "logs" / "node.log").read_text(errors="replace")
        if "Traceback" in log:
            raise Found(f"node.log: {log[log.index('Traceback') - 300 :][:2500]}")


PART = SiegePart("peers", 120, besieged_port)
