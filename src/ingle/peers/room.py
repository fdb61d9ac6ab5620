"""The room: everything about peers that one node has, opened when it is first needed.

An unpaired node keeps this shut: no key is made, no port is open, iroh is not
even imported.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from ingle.capabilities.peering.operation import News, Offer, Offered, SharedModel
from ingle.capabilities.store.operation import ModelSummary
from ingle.errors import EgressRefused, IngleError, NetworkError, NotPaired
from ingle.node.local import LocalNode
from ingle.node.node import ask
from ingle.node.performing import Caller
from ingle.operations import Done, Operation
from ingle.operations.encoded import Passed
from ingle.peers import grants
from ingle.peers.authorizer import Authorizer, Visitor
from ingle.peers.book import Book, Peer
from ingle.peers.clock import Clock
from ingle.peers.files import FileShelf
from ingle.peers.granting import Granting
from ingle.peers.handshakes import Handshakes
from ingle.peers.identity import FILE, Identity, Key
from ingle.peers.invites import Invites
from ingle.peers.meter import Meter
from ingle.peers.nearby import Nearby, Nobody, ZeroconfNearby
from ingle.peers.reach import Told
from ingle.peers.records import Records
from ingle.peers.session import Session
from ingle.peers.switchboard import Switchboard
from ingle.peers.transport import LinkError, Transport

if TYPE_CHECKING:
    from ingle.peers.swarm.sharing import Sharing

DATABASE = "peers.sqlite3"
SHARES = "shares.sqlite3"
OFFER_S = 5.0

Bind = Callable[[Identity], Awaitable[Transport]]


class Room:
    """Identity, book, grants and, once it is open, the switchboard.

    Args:
        bind: makes the transport; iroh's where nothing else is given.
        nearby: finds neighbours; multicast DNS where nothing else is given.
    """

    def __init__(
        self, local: LocalNode, *, bind: Bind | None = None, nearby: Nearby | None = None
    ) -> None:
        self.local = local
        settings = local.settings
        self._state: Path = settings.state_path
        self._bind = bind or self._bind_iroh
        self._around = nearby
        self.records = Records(self._state / DATABASE)
        self.clock = Clock(self.records)
        self.book = Book(self.records)
        self._switchboard: Switchboard | None = None
        self._opening = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    @functools.cached_property
    def identity(self) -> Identity:
        """Who this node is; made when it is first asked."""
        return Identity.load(self._state, self.local.settings.device_name)

    @functools.cached_property
    def granting(self) -> Granting:
        """Grants given and held."""
        return Granting(self.records, self.identity, self.clock)

    @functools.cached_property
    def meter(self) -> Meter:
        """What was used."""
        return Meter(self.records, self.clock)

    @functools.cached_property
    def invites(self) -> Invites:
        """Open invites."""
        return Invites(self.records, self.clock)

    @functools.cached_property
    def handshakes(self) -> Handshakes:
        """Pairings under way."""
        return Handshakes(self)

    @functools.cached_property
    def files(self) -> FileShelf:
        """Shared files, for peers that may fetch them."""
        return FileShelf(self)

    @functools.cached_property
    def sharing(self) -> Sharing:
        """Shared models: given to peers, and fetched from them."""
        from ingle.peers.swarm.sharing import Sharing

        return Sharing(self.local.store, self.local.settings, self._state)

    @property
    def shares_exist(self) -> bool:
        """Something is or was shared."""
        return "sharing" in self.__dict__ or (self._state / SHARES).exists()

    @property
    def is_open(self) -> bool:
        """A port is open, and peers can reach us."""
        return self._switchboard is not None

    @property
    def wanted(self) -> bool:
        """Somebody relies on this node: it must not end for idleness."""
        shares = bool(self.shares_exist and self.sharing.shares.offered())
        return shares or (self.is_open and (bool(self.granting.given()) or self.invites.open() > 0))

    @property
    def problem(self) -> str:
        """What is wrong with this identity; empty if nothing is."""
        return self._switchboard.copied if self._switchboard else ""

    def reset(self) -> None:
        """Forget the key, all peers and all grants. The node must end after this."""
        for peer in self.book.peers():
            self.hang_up(peer.key, NotPaired(f"{peer.name} was forgotten: this device began anew"))
        (self._state / FILE).unlink(missing_ok=True)
        self.records.empty()

    async def open_if_needed(self) -> None:
        """Open, if somebody is paired (and may call) or an invite is out; go on sharing."""
        if self.local.settings.egress == "deny":
            return
        if (self._state / SHARES).exists():
            await self.sharing.open()
        if self.book.peers() or self.invites_are_out():
            with contextlib.suppress(NetworkError):  # told when somebody asks for it
                await self.open()

    def invites_are_out(self) -> bool:
        """Without making an identity for it."""
        return bool((self._state / FILE).exists() and self.invites.open())

    async def open(self) -> Switchboard:
        """Open the port and take links; again: nothing.

        Raises:
            EgressRefused: nothing may leave this device.
            NetworkError: no port can be opened.
        """
        if self.local.settings.egress == "deny":
            raise EgressRefused(
                "peers are other devices, and nothing may leave this one",
                hint="ingle config set egress allow",
            )
        async with self._opening:
            if self._switchboard is None:
                self._switchboard = await self._make()
        return self._switchboard

    async def close(self) -> None:
        """Hang up and close the port."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        switchboard, self._switchboard = self._switchboard, None
        if switchboard is not None:
            await self.handshakes.close()
            await switchboard.close()
        if "sharing" in self.__dict__:
            await self.sharing.close()
        self.records.close()

    def live(self, key: Key) -> Session | None:
        """An open session with a peer."""
        return self._switchboard.live(key) if self._switchboard else None

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

    async def learn(self, session: Session) -> Offered:
        """Ask a peer what it offers, and remember it.

        Raises:
            PeerLost, NotPaired
        """
        async with asyncio.timeout(OFFER_S):
            offered = await ask(session.connection, Offer(), Offered)
        self.granting.hold(session.key, [grants.unpack(chain) for chain in offered.chains[:16]])
        self.book.met(session.key, models=tuple(offered.models[:500]))
        return offered

    def hang_up(self, key: Key, error: IngleError) -> None:
        """End all sessions with somebody."""
        if self._switchboard is not None:
            self._switchboard.hang_up(key, error)

    def recheck(self) -> None:
        """Grants were taken back: stop what none allows any more."""
        if self._switchboard is not None and self._switchboard.authorizer is not None:
            self._switchboard.authorizer.recheck()

    def may(self, visitor: Visitor, capability: str, *names: str) -> bool:
        """Does any grant of a visitor allow this?"""
        authorizer = self._switchboard.authorizer if self._switchboard else None
        return authorizer is not None and authorizer.may(visitor, capability, *names)

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

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _learn_quietly(self, session: Session) -> None:
        # Nobody waits for it; whoever asks next hears of a problem.
        with contextlib.suppress(IngleError, TimeoutError):
            await self.learn(session)

    async def _make(self) -> Switchboard:
        try:
            transport = await self._bind(self.identity)
        except LinkError as error:
            raise NetworkError(
                f"no port can be opened for peers: {error}",
                hint="ingle config set peer_port 0, or another peer_host",
            ) from None
        around = self._around or (
            ZeroconfNearby(self.local.settings.peer_host)
            if self.local.settings.nearby
            else Nobody()
        )
        switchboard = Switchboard(
            self.identity,
            transport,
            around,
            self.book,
            self.granting,
            self.clock,
            serve_pairing=self.handshakes.serve,
            serve_files=self.files.serve,
            invites_open=self.invites.open,
        )
        switchboard.authorizer = Authorizer(
            _Behind(self), self.identity, self.book, self.granting, self.meter, self.clock
        )
        await switchboard.start()
        return switchboard

    async def _bind_iroh(self, identity: Identity) -> Transport:
        from ingle.peers.iroh import IrohTransport

        settings = self.local.settings
        return await IrohTransport.bind(
            identity.secret, settings.peer_host, settings.peer_port, relay=settings.relay
        )


class _Behind:
    """The local node as the authorizer sees it."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._local = room.local

    def relay_for(
        self, caller: Caller, operation: Operation
    ) -> AbstractAsyncContextManager[AsyncIterator[Passed]]:
        return self._local.relay_for(caller, operation)

    def shared(self) -> list[SharedModel]:
        from ingle.peers.pulls import shared_models

        return shared_models(self._room) if self._room.shares_exist else []

    def resolve(self, model: str) -> tuple[str, str]:
        found = self._local.store.resolve(model)
        return found.name, found.digest

    def models(self) -> list[ModelSummary]:
        return self._local.store.models()
