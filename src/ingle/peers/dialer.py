"""The dialer: links and sessions with peers, over a router that is made when first needed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine

from ingle.capabilities.peering.operation import News, Offer, Offered
from ingle.errors import IngleError
from ingle.node.node import ask
from ingle.operations import Done
from ingle.peers import grants
from ingle.peers.address_book import AddressBook, Peer
from ingle.peers.grant_store import GrantStore
from ingle.peers.identity import Key
from ingle.peers.peer_router import PeerRouter
from ingle.peers.peer_session import PeerSession
from ingle.peers.reach import Told
from ingle.peers.transport import Link

OFFER_S = 5.0


class Dialer:
    """Reaches peers, and keeps what they offer written down.

    Args:
        make: opens the port and starts the router.
        book, granting: where it is written down.
    """

    def __init__(
        self,
        make: Callable[[], Awaitable[PeerRouter]],
        address_book: AddressBook,
        grant_store: GrantStore,
    ) -> None:
        self._make = make
        self._address_book = address_book
        self._grant_store = grant_store
        self.router: PeerRouter | None = None
        """None: no port is open, and no peer can reach us."""
        self._opening = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> PeerRouter:
        """Open the port and take links; again: nothing.

        Raises:
            EgressRefused: nothing may leave this device.
            NetworkError: no port can be opened.
        """
        async with self._opening:
            if self.router is None:
                self.router = await self._make()
        return self.router

    async def close(self) -> None:
        """Hang up and close the port."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        router, self.router = self.router, None
        if router is not None:
            await router.close()

    def live(self, key: Key) -> PeerSession | None:
        """An open session with a peer."""
        return self.router.live(key) if self.router else None

    async def session(self, peer: Peer, told: Told | None = None) -> PeerSession:
        """A session with a peer; learns what it offers if it is a new one.

        Raises:
            PeerUnreachable, NotPaired, EgressRefused
        """
        router = await self.open()
        live = router.live(peer.key)
        if live is not None:
            return live
        session = await router.session(peer, told)
        self._spawn(self._refresh_offers_quietly(session))
        return session

    async def link(self, peer: Peer, protocol: bytes, told: Told | None = None) -> Link:
        """A link for another protocol than that of sessions.

        Raises:
            PeerUnreachable, EgressRefused
        """
        return await (await self.open()).link(peer, protocol, told)

    async def learn(self, session: PeerSession) -> Offered:
        """Ask a peer what it offers, and remember it.

        Raises:
            PeerLost, NotPaired
        """
        async with asyncio.timeout(OFFER_S):
            offered = await ask(session.connection, Offer(), Offered)
        self._grant_store.hold(session.key, [grants.unpack(chain) for chain in offered.chains[:16]])
        self._address_book.met(session.key, models=tuple(offered.models[:500]))
        return offered

    def hang_up(self, key: Key, error: IngleError) -> None:
        """End all sessions with someone."""
        if self.router is not None:
            self.router.hang_up(key, error)

    def tell_grants(self, key: Key) -> None:
        """A peer has new grants: if it is connected, it should ask what we offer."""
        session = self.live(key)
        if session is not None:
            self._spawn(self._ask_for_news(session))

    def news_arrived(self, key: Key) -> None:
        """A peer says that it offers something else now."""
        session = self.live(key)
        if session is not None:
            self._spawn(self._refresh_offers_quietly(session))

    async def _ask_for_news(self, session: PeerSession) -> None:
        with contextlib.suppress(IngleError):
            await ask(session.connection, News(), Done)

    async def _refresh_offers_quietly(self, session: PeerSession) -> None:
        # No one waits for it; the next caller hears of a problem.
        with contextlib.suppress(IngleError, TimeoutError):
            await self.learn(session)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
