"""`PeerRouter`: accepts and makes links, keeps sessions, dispatches by protocol.

Strangers are cheap: a handshake has a deadline, handshakes and strangers are
counted (in all, and from one address), and a stranger may only pair or show a
grant, within seconds and a few kilobytes.
"""

from __future__ import annotations

import asyncio
import collections
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version
from weakref import WeakValueDictionary

from ingle.errors import IdentityInUse, IngleError, InvalidRequest, NotPaired, PeerLost
from ingle.operations import Operation
from ingle.operations.encoded import Passed
from ingle.peers import grants, reach
from ingle.peers.address_book import AddressBook, Peer
from ingle.peers.authorizer import Authorizer, PeerPrincipal
from ingle.peers.discovery import Discovery
from ingle.peers.grant_store import GrantStore
from ingle.peers.identity import Identity, Key, fingerprint
from ingle.peers.introductions import Introductions
from ingle.peers.monotonic_clock import MonotonicClock
from ingle.peers.peer_session import HELLO_S, HelloFacts, PeerSession
from ingle.peers.transport import (
    NODE,
    IncomingConnection,
    Link,
    LinkError,
    Stream,
    Transport,
)
from ingle.protocol.piece_stream import PieceStream

log = logging.getLogger(__name__)

HANDSHAKE_S = 5.0
HANDSHAKES = 64
HANDSHAKES_EACH = 16
"""From one address at once."""
STRANGERS = 32
"""Links of keys that are not paired, at once."""
SESSIONS_EACH = 4
"""Links of one key at once, of one protocol."""

Serve = Callable[[Link], Awaitable[None]]


class PeerRouter:
    """All links of this node.

    Args:
        handlers: what takes over a link that someone made to us, by the link's protocol. Sessions
            (`NODE`) are the router's own.
        invites_open: how many invites could still be used.
    """

    def __init__(
        self,
        identity: Identity,
        transport: Transport,
        nearby: Discovery,
        address_book: AddressBook,
        grant_store: GrantStore,
        clock: MonotonicClock,
        *,
        handlers: Mapping[bytes, Serve],
        invites_open: Callable[[], int],
    ) -> None:
        self._identity = identity
        self.transport = transport
        self.nearby = nearby
        self._address_book = address_book
        self._grant_store = grant_store
        self._clock = clock
        self.authorizer: Authorizer | None = None
        """Set once, before `start`."""
        self._handlers: dict[bytes, Serve] = {**handlers, NODE: self._serve_node}
        self._sessions: dict[Key, list[PeerSession]] = {}
        self._turns: WeakValueDictionary[Key, asyncio.Semaphore] = WeakValueDictionary()
        """Of all sessions with a key; see `PeerSession`."""
        self._dialling: dict[Key, asyncio.Task[PeerSession]] = {}
        self._links: collections.Counter[tuple[Key, bytes]] = collections.Counter()
        self._handshakes: collections.Counter[str] = collections.Counter()
        self.strangers = 0
        """Links of keys that are not paired, open now."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.introductions = Introductions(
            self._identity.name,
            transport,
            address_book,
            live=self.live,
            connected=lambda: [s for group in self._sessions.values() for s in group if s.alive],
            serve=lambda link: self._spawn(self._serve_node(link)),
            spawn=self._spawn,
            invites_open=invites_open,
        )
        self.copied = ""
        """Why this identity seems to live twice; empty: it does not."""

    async def start(self) -> None:
        """Take links, and say on this network that we are here."""
        self._spawn(self._accept())
        await self.nearby.announce(self._identity, self.transport.places)

    async def close(self) -> None:
        """Hang up on everyone."""
        sessions = [session for group in self._sessions.values() for session in group]
        for session in sessions:
            session.close(PeerLost(f"{self._identity.name} has stopped"))
        await asyncio.gather(*(session.wait_closed() for session in sessions))
        await asyncio.sleep(0)  # the last words leave
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.nearby.close()
        await self.transport.close()

    @property
    def handshakes(self) -> int:
        """Handshakes under way, from all addresses."""
        return self._handshakes.total()

    def live(self, key: Key) -> PeerSession | None:
        """A session with a peer that is open now."""
        return next((s for s in self._sessions.get(key, []) if s.alive), None)

    def hang_up(self, key: Key, error: IngleError) -> None:
        """End all sessions with someone; work under way ends with the error, too."""
        for session in list(self._sessions.get(key, [])):
            session.close(error)

    async def session(self, peer: Peer, told: reach.Told | None = None) -> PeerSession:
        """A session with a peer: the open one, or a new one. Callers share one dial.

        Raises:
            PeerUnreachable: no way leads there.
            NotPaired: it does not know us any more.
        """
        live = self.live(peer.key)
        if live is not None:
            return live
        dialling = self._dialling.get(peer.key)
        if dialling is None:
            dialling = asyncio.create_task(self._dial(peer, told))
            self._dialling[peer.key] = dialling
            dialling.add_done_callback(lambda _: self._dialling.pop(peer.key, None))
            dialling.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(dialling)

    async def link(self, peer: Peer, protocol: bytes, told: reach.Told | None = None) -> Link:
        """A link for another protocol: where the session already runs, or by all ways.

        Raises:
            PeerUnreachable
        """
        live = self.live(peer.key)
        path = live.path() if live else None
        if path is not None and path.way != "relay":
            peer = peer._replace(places=(path.place, *peer.places))
        found, _ = await self._reach(peer, protocol, told)
        return found

    def greeting_for(self, key: Key) -> HelloFacts:
        """How we greet someone."""
        held = [chain for chain in self._grant_store.held(key) if len(chain) > 1]
        return HelloFacts(
            name=self._identity.name,
            version=version("ingle"),
            instance=self._identity.instance,
            places=tuple(self.transport.places),
            relay=self.transport.relay,
            chains=tuple(grants.pack(chain) for chain in held),
        )

    # -- dialling ------------------------------------------------------------

    async def _dial(self, peer: Peer, told: reach.Told | None) -> PeerSession:
        if peer.key == self._identity.key:
            raise InvalidRequest("that is this device", field="peer")
        link, stage = await self._reach(peer, NODE, told)
        try:
            stream = await link.open()
        except LinkError as error:
            raise PeerLost(f"{peer.name} closed the connection: {error}", peer=peer.name) from None
        session = self._open(link, stream, PeerPrincipal(peer.key, peer.name))
        session.punched = stage == "punch"
        try:
            await session.greet(self.greeting_for(peer.key))
        except IngleError:
            session.close()
            raise
        self._met(session)
        return session

    async def _reach(
        self, peer: Peer, protocol: bytes, told: reach.Told | None
    ) -> tuple[Link, str]:
        async def punch(peer: Peer) -> Link | None:
            return await self.introductions.ask_for(peer, protocol)

        return await reach.reach(peer, protocol, self.transport, self.nearby, punch, told)

    # -- accepting -----------------------------------------------------------

    async def _accept(self) -> None:
        while (incoming := await self.transport.accept()) is not None:
            host = incoming.place.rpartition(":")[0]
            crowded = self.handshakes >= HANDSHAKES or self._handshakes[host] >= HANDSHAKES_EACH
            if crowded:
                self._spawn(incoming.reject())
                continue
            self._handshakes[host] += 1
            self._spawn(self._admit(incoming, host))

    async def _admit(self, incoming: IncomingConnection, host: str) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                link: Link = await incoming.admit()
        except (LinkError, TimeoutError):
            return
        finally:
            self._handshakes[host] -= 1
            self._handshakes += collections.Counter()  # drops the zeros
        if not self.introductions.expected(link):
            await self._dispatch(link)

    async def _dispatch(self, link: Link) -> None:
        serve = self._handlers.get(link.protocol)
        stranger = self._address_book.get(link.remote) is None
        place = (link.remote, link.protocol)
        full = (stranger and self.strangers >= STRANGERS) or self._links[place] >= SESSIONS_EACH
        if serve is None or full:
            link.close("too many")
            return
        self._links[place] += 1
        self.strangers += stranger
        try:
            await serve(link)
        except LinkError:
            pass  # it disappeared
        finally:
            self._links[place] -= 1
            self.strangers -= stranger
            if not self._links[place]:
                del self._links[place]

    async def _serve_node(self, link: Link) -> None:
        peer = self._address_book.get(link.remote)
        principal = PeerPrincipal(link.remote, peer.name if peer else fingerprint(link.remote))
        try:
            async with asyncio.timeout(HELLO_S):
                stream = await link.accept()
        except TimeoutError:
            link.close("nothing was said")
            return
        session = self._open(link, stream, principal)
        try:
            hello_facts = await session.greet(self.greeting_for(link.remote))
            principal.show(hello_facts.chains)
            assert self.authorizer is not None
            if not self.authorizer.is_paired(principal):
                why = self._grant_store.explain(principal.key, principal.chains)
                raise NotPaired(
                    f"{self._identity.name} does not know you" + (f": {why}" if why else ""),
                    hint="ingle peers join CODE, with a code of its ingle peers invite",
                )
            await self._check_unique(session)
        except IngleError as error:
            session.close(error)
            await session.wait_closed()
            return
        self._met(session)
        await session.ended

    async def _check_unique(self, session: PeerSession) -> None:
        """Two live nodes with one key are a copied state directory.

        Raises:
            IdentityInUse
        """
        for other in list(self._sessions.get(session.key, [])):
            if other is session or not other.alive:
                continue
            if other.hello_facts.instance in ("", session.hello_facts.instance):
                continue
            try:
                await other.ping()
            except IngleError:
                other.close()  # it was restarted; the old connection is a dead one's
                continue
            raise IdentityInUse(
                f"two running nodes use the key {fingerprint(session.key)} ({session.name}): "
                "its state directory was copied",
                hint="on one of the two: ingle peers reset",
            )

    # -- sessions ------------------------------------------------------------

    def _open(self, link: Link, stream: Stream, principal: PeerPrincipal) -> PeerSession:
        authorizer = self.authorizer
        assert authorizer is not None

        def answer(
            operation: Operation, feed: PieceStream | None
        ) -> AbstractAsyncContextManager[AsyncIterator[Passed]]:
            principal.peering = session.version_of("peering")
            return authorizer.answer(principal, operation, feed)

        turn = self._turns.setdefault(link.remote, asyncio.Semaphore(1))
        session = PeerSession(link, stream, principal.name, answer, turn)
        self._sessions.setdefault(link.remote, []).insert(0, session)
        session.ended.add_done_callback(lambda _: self._forget(session))
        return session

    def _forget(self, session: PeerSession) -> None:
        if isinstance(session.connection.ended_by, IdentityInUse):
            self.copied = session.connection.ended_by.message
            log.error("%s", self.copied)
        group = self._sessions.get(session.key, [])
        if session in group:
            group.remove(session)
        if not group:
            self._sessions.pop(session.key, None)

    def _met(self, session: PeerSession) -> None:
        """Remember where and how someone was found."""
        path = session.path()
        way = "punched" if session.punched else path.way if path else ""
        places = session.hello_facts.places[:4]
        if path is not None and path.way != "relay":
            places = (path.place, *places)
        self._address_book.met(
            session.key, places=tuple(places), seen=self._clock.now(), way=way,
            relay=session.hello_facts.relay[:200],
        )  # fmt: skip

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a link failed unexpectedly", exc_info=task.exception())
