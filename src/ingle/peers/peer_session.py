"""A session: one link to another device, with operations both ways, and a heartbeat.

QUIC alone notices a dead device after half a minute. While work is under way
each side asks for a sign of life every second.
"""

from __future__ import annotations

import asyncio
import contextlib

import msgspec

from ingle.errors import IngleError, PeerLost, ProtocolError
from ingle.peers.identity import Key
from ingle.peers.transport import Link, LinkError, LinkPath, Stream
from ingle.protocol import capability_versions
from ingle.protocol.connection import Answer, Connection

BEAT_S = 1.0
PATIENCE_S = 1.8
"""A heart that has not answered for so long is dead: noticed within `BEAT_S` more."""
IDLE_BEAT_S = 15.0
HELLO_S = 5.0
MAX_FRAME = 32 * 2**20
MAX_GREETING = 256 * 2**10
"""Bytes of a frame before the other side has greeted: it may be anyone."""
STALL_S = 30.0
"""Events that no one takes for so long end their operation: a slot is not a parking place."""
STREAMS = 64
PIECE_STREAMS = 8
"""Streams that take input, at once: up to `frames.PIECES` pieces of a MiB wait here for each."""
LAST_WORD_S = 2.0
GATHER_S = 0.05
"""Events of a fast model leave together: a write on an encrypted link, and the wake-ups that it
causes on both devices, cost more than twenty tokens of a small model."""


class HelloFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of a `Hello` between devices. Claims; the key is proven by the link."""

    name: str = ""
    version: str = ""
    instance: str = ""
    places: tuple[str, ...] = ()
    relay: str = ""
    chains: tuple[bytes, ...] = ()
    """Grants that the sender holds from the receiver through others."""


class PeerSession:
    """One live connection to a device.

    Args:
        name: what we call it.
        answer: performs what it asks of us.
        turn: shared by all sessions with it, so that it cannot have us hold a large frame for each.
    """

    def __init__(
        self,
        link: Link,
        stream: Stream,
        name: str,
        answer: Answer,
        turn: asyncio.Semaphore | None = None,
    ) -> None:
        self.link = link
        self.name = name
        self.hello_facts = HelloFacts()
        self.round_trip_s: float | None = None
        self.punched = False
        self.connection = Connection(
            stream,
            answer=answer,
            max_frame=MAX_FRAME,
            max_first=MAX_GREETING,
            max_streams=STREAMS,
            max_piece_streams=PIECE_STREAMS,
            lost=self._lost,
            patience=STALL_S,
            turn=turn,
            gather=GATHER_S,
        )
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._beat())]

    @property
    def key(self) -> Key:
        """Whose it is."""
        return self.link.remote

    @property
    def alive(self) -> bool:
        """It may be used."""
        return not self.connection.closed

    def version_of(self, capability: str) -> int:
        """The version of a capability that the other side has; 0: none, or it has not said."""
        hello = self.connection.hello
        if not hello.done() or hello.cancelled() or hello.exception() is not None:
            return 0
        version = (capability_versions.of(hello.result()) or {}).get(capability, 0)
        return version if isinstance(version, int) else 0

    def path(self) -> LinkPath | None:
        """How it runs now."""
        with contextlib.suppress(LinkError):
            return self.link.path()
        return None

    async def greet(self, hello_facts: HelloFacts) -> HelloFacts:
        """Exchange greetings.

        Raises:
            NotPaired, IdentityInUse: the other side's reason to hang up.
            PeerLost: it disappeared, or said nothing.
        """
        self.connection.greet(**msgspec.to_builtins(hello_facts))
        try:
            async with asyncio.timeout(HELLO_S):
                hello = await asyncio.shield(self.connection.hello)
            self.hello_facts = msgspec.convert(hello.facts, HelloFacts)
        except TimeoutError:
            raise PeerLost(
                f"{self.name} did not complete the handshake within {HELLO_S:.0f} s"
            ) from None
        except msgspec.ValidationError as error:
            raise ProtocolError(f"{self.name} sent an invalid handshake: {error}") from None
        return self.hello_facts

    async def ping(self, seconds: float = PATIENCE_S) -> float:
        """The round trip in seconds.

        Raises:
            PeerLost: no answer in time.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(seconds):
                await self.connection.ping()
        except TimeoutError:
            raise self._lost() from None
        self.round_trip_s = loop.time() - began
        return self.round_trip_s

    def close(self, error: IngleError | None = None) -> None:
        """End it; the other side is told why."""
        self.connection.close(error)

    async def wait_closed(self) -> None:
        """Return when all of it has ended."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self) -> None:
        try:
            await self.connection.run()
        finally:
            self.connection.close()
            self._tasks[1].cancel()
            # What was said last (why we hang up) should still arrive. Who reads it
            # hangs up, too, and so ends the link before this.
            asyncio.get_running_loop().call_later(LAST_WORD_S, self.link.close)
            if not self.ended.done():
                self.ended.set_result(None)

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time()
        while True:
            await asyncio.sleep(BEAT_S)
            if self.connection.active or loop.time() - last >= IDLE_BEAT_S:
                last = loop.time()
                try:
                    await self.ping()
                except IngleError:
                    self.connection.close()
                    return

    def _lost(self) -> IngleError:
        return PeerLost(f"{self.name} stopped responding", hint="ingle peers --ask", peer=self.name)
