"""The dialer: links and sessions with peers, over a switchboard that is made when first needed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine

from ingle.capabilities.peering.operation import News, Offer, Offered
from ingle.errors import IngleError
from ingle.node.node import ask
from ingle.operations import Done
from ingle.peers import grants
from ingle.peers.book import Book, Peer
from ingle.peers.granting import Granting
from ingle.peers.identity import Key
from ingle.peers.reach import Told
from ingle.peers.session import Session
from ingle.peers.switchboard import Switchboard
from ingle.peers.transport import Link

OFFER_S = 5.0


class Dialer:
    """Reaches peers, and keeps what they offer written down.

    Args:
        make: opens the port and starts the switchboard.
        book, granting: where it is written down.
    """

    def __init__(
        self, make: Callable[[], Awaitable[Switchboard]], book: Book, granting: Granting
    ) -> None:
        self._make = make
        self._book = book
        self._granting = granting
        self.switchboard: Switchboard | None = None
        """None: no port is open, and no peer can reach us."""
        self._opening = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> Switchboard:
        """Open the port and take links; again: nothing.

        Raises:
            EgressRefused: nothing may leave this device.
            NetworkError: no port can be opened.
        """
        async with self._opening:
            if self.switchboard is None:
                self.switchboard = await self._make()
        return self.switchboard

    async def close(self) -> None:
        """Hang up and close the port."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        switchboard, self.switchboard = self.switchboard, None
        if switchboard is not None:
            await switchboard.close()

    def live(self, key: Key) -> Session | None:
        """An open session with a peer."""
        return self.switchboard.live(key) if self.switchboard else None

    async def session(self, peer: Peer, told: Told | None = None) -> Session:
        """A session with a peer; learns what it offers if it is a new one.

        Raises:
            PeerUnreachable, NotPaired, EgressRefused
        """
        switchboard = await self.open()
        live = switchboard.live(peer.key)
        if live is not None:
            return live
        session = await switchboard.session(peer, told)
        self._spawn(self._learn_quietly(session))
        return session

    async def link(self, peer: Peer, protocol: bytes, told: Told | None = None) -> Link:
        """A link for another protocol than that of sessions.

        Raises:
            PeerUnreachable, EgressRefused
        """
        return await (await self.open()).link(peer, protocol, told)

    async def learn(self, session: Session) -> Offered:
        """Ask a peer what it offers, and remember it.

        Raises:
            PeerLost, NotPaired
        """
        async with asyncio.timeout(OFFER_S):
            offered = await ask(session.connection, Offer(), Offered)
        self._granting.hold(session.key, [grants.unpack(chain) for chain in offered.chains[:16]])
        self._book.met(session.key, models=tuple(offered.models[:500]))
        return offered

    def hang_up(self, key: Key, error: IngleError) -> None:
        """End all sessions with somebody."""
        if self.switchboard is not None:
            self.switchboard.hang_up(key, error)

    def tell_grants(self, key: Key) -> None:
        """A peer has new grants: if it is connected, it should ask what we offer."""
        session = self.live(key)
        if session is not None:
            self._spawn(self._nudge(session))

    def nudged(self, key: Key) -> None:
        """A peer says that it offers something else now."""
        session = self.live(key)
        if session is not None:
            self._spawn(self._learn_quietly(session))

    async def _nudge(self, session: Session) -> None:
        with contextlib.suppress(IngleError):
            await ask(session.connection, News(), Done)

    async def _learn_quietly(self, session: Session) -> None:
        # Nobody waits for it; whoever asks next hears of a problem.
        with contextlib.suppress(IngleError, TimeoutError):
            await self.learn(session)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
