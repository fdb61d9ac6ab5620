"""The room: everything about peers that one node has, opened when it is first needed.

An unpaired node keeps this shut: no key is made, no port is open, iroh is not
even imported.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ingle.capabilities.peering.operation import SharedModel
from ingle.capabilities.store.operation import ModelSummary
from ingle.errors import EgressRefused, NetworkError, NotPaired
from ingle.node.local_node import LocalNode
from ingle.node.performing import Caller
from ingle.operations import Operation
from ingle.operations.encoded import Passed
from ingle.peers.address_book import AddressBook
from ingle.peers.authorizer import Authorizer
from ingle.peers.dialer import Dialer
from ingle.peers.discovery import Discovery, NoDiscovery, ZeroconfDiscovery
from ingle.peers.file_server import FileServer
from ingle.peers.grant_store import GrantStore
from ingle.peers.handshakes import Handshakes
from ingle.peers.identity import FILE as KEY_FILE
from ingle.peers.identity import Identity
from ingle.peers.invites import Invites
from ingle.peers.meter import UsageMeter
from ingle.peers.monotonic_clock import MonotonicClock
from ingle.peers.peer_database import PeerDatabase
from ingle.peers.peer_router import PeerRouter
from ingle.peers.pulls import PeerPulls, shared_models
from ingle.peers.remote_operations import RemoteOperations
from ingle.peers.transport import FILE, PAIR, LinkError, Transport

if TYPE_CHECKING:
    from ingle.peers.swarm.sharing import Sharing

DATABASE = "peers.sqlite3"
SHARES = "shares.sqlite3"

Bind = Callable[[Identity], Awaitable[Transport]]


class PeerService:
    """Makes the parts of the peers' side of a node, each from what it uses, and opens them.

    Args:
        bind: makes the transport; iroh's where nothing else is given.
        nearby: finds neighbours; multicast DNS where nothing else is given.
        wall: the machine's clock, in Unix time.
    """

    def __init__(
        self,
        local: LocalNode,
        *,
        bind: Bind | None = None,
        nearby: Discovery | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._local = local
        self._settings = settings = local.settings
        self._state: Path = settings.state_path
        self._bind = bind or self._bind_iroh
        self._around = nearby
        self.database = PeerDatabase(self._state / DATABASE)
        self.clock = MonotonicClock(self.database, wall)
        self.address_book = AddressBook(self.database)
        self.invites = Invites(self.database, self.clock)
        """Open invites."""
        self.grant_store = GrantStore(self.database, self._who, self.clock)
        """Grants given and held."""
        self.dialer = Dialer(self._make, self.address_book, self.grant_store)
        """Links and sessions with peers."""
        self.handshakes = Handshakes(
            self._who, self.address_book, self.clock, self.invites, self.grant_store, self.dialer
        )
        """Pairings under way."""
        self.pulls = PeerPulls(
            self.address_book, self.dialer, lambda: self.sharing, local.ledger, settings.egress
        )
        """Models from paired devices."""

    @functools.cached_property
    def remote(self) -> RemoteOperations:
        """Operations that paired devices perform for this one."""
        local = self._local
        return RemoteOperations(
            self.dialer, self.grant_store, local.ledger, local.blobs, lambda: local.settings
        )

    @functools.cached_property
    def identity(self) -> Identity:
        """Who this node is; made when it is first asked."""
        return Identity.load(self._state, self._settings.device_name)

    @functools.cached_property
    def meter(self) -> UsageMeter:
        """What was used."""
        return UsageMeter(self.database, self.clock)

    @functools.cached_property
    def sharing(self) -> Sharing:
        """Shared models: given to peers, and fetched from them."""
        from ingle.peers.swarm.sharing import Sharing

        return Sharing(self._local.store, self._settings, self._state)

    @property
    def shares_exist(self) -> bool:
        """Something is or was shared."""
        return "sharing" in self.__dict__ or (self._state / SHARES).exists()

    @property
    def is_open(self) -> bool:
        """A port is open, and peers can reach us."""
        return self.dialer.router is not None

    @property
    def wanted(self) -> bool:
        """Someone relies on this node: it must not end for idleness."""
        shares = bool(self.shares_exist and self.sharing.shares.offered())
        return shares or (
            self.is_open and (bool(self.grant_store.given()) or self.invites.open() > 0)
        )

    @property
    def problem(self) -> str:
        """What is wrong with this identity; empty if nothing is."""
        router = self.dialer.router
        return router.copied if router else ""

    def reset(self) -> None:
        """Forget the key, all peers and all grants. The node must end after this."""
        for peer in self.address_book.peers():
            self.dialer.hang_up(
                peer.key, NotPaired(f"{peer.name} was removed: this device was reset")
            )
        (self._state / KEY_FILE).unlink(missing_ok=True)
        self.database.empty()

    async def open_if_needed(self) -> None:
        """Open, if someone is paired (and may call) or an invite is out; continue sharing."""
        if self._settings.egress == "deny":
            return
        if (self._state / SHARES).exists():
            await self.sharing.open()
        if self.address_book.peers() or self.invites_are_out():
            with contextlib.suppress(NetworkError):  # told when someone asks for it
                await self.open()

    def invites_are_out(self) -> bool:
        """Without making an identity for it."""
        return bool((self._state / KEY_FILE).exists() and self.invites.open())

    async def open(self) -> PeerRouter:
        """As `Dialer.open`."""
        return await self.dialer.open()

    async def close(self) -> None:
        """Hang up and close the port."""
        if self.is_open:
            await self.handshakes.close()
        await self.dialer.close()
        if "sharing" in self.__dict__:
            await self.sharing.close()
        self.database.close()

    def recheck(self) -> None:
        """Grants were taken back: stop what none allows any more."""
        router = self.dialer.router
        if router is not None and router.authorizer is not None:
            router.authorizer.recheck()

    def _who(self) -> Identity:
        return self.identity

    def _shared(self) -> list[SharedModel]:
        return shared_models(self.sharing) if self.shares_exist else []

    async def _make(self) -> PeerRouter:
        if self._settings.egress == "deny":
            raise EgressRefused(
                "peers are other devices, and egress is denied",
                hint="ingle config set egress allow",
            )
        try:
            transport = await self._bind(self.identity)
        except LinkError as error:
            raise NetworkError(
                f"cannot open a port for peers: {error}",
                hint="ingle config set peer_port 0, or another peer_host",
            ) from None
        around = self._around or (
            ZeroconfDiscovery(self._settings.peer_host) if self._settings.nearby else NoDiscovery()
        )
        local = self._local
        shelf = FileServer(
            self.identity,
            self.address_book,
            self.grant_store,
            lambda: self.sharing.shares,
            local.store,
            local.ledger,
        )
        router = PeerRouter(
            self.identity,
            transport,
            around,
            self.address_book,
            self.grant_store,
            self.clock,
            handlers={PAIR: self.handshakes.serve, FILE: shelf.serve},
            invites_open=self.invites.open,
        )
        router.authorizer = Authorizer(
            _LocalProvider(local, self._shared),
            self.identity,
            self.address_book,
            self.grant_store,
            self.meter,
            self.clock,
        )
        await router.start()
        return router

    async def _bind_iroh(self, identity: Identity) -> Transport:
        from ingle.peers.iroh import IrohTransport

        settings = self._settings
        return await IrohTransport.bind(
            identity.secret, settings.peer_host, settings.peer_port, relay=settings.relay
        )


class _LocalProvider:
    """The local node as the authorizer sees it."""

    def __init__(self, local: LocalNode, shared: Callable[[], list[SharedModel]]) -> None:
        self._local = local
        self.shared = shared

    def relay_for(
        self, caller: Caller, operation: Operation
    ) -> AbstractAsyncContextManager[AsyncIterator[Passed]]:
        return self._local.relay_for(caller, operation)

    def setting(self, name: str) -> str:
        return str(getattr(self._local.settings, name))

    def resolve(self, model: str) -> tuple[str, str]:
        found = self._local.store.resolve(model)
        return found.name, found.digest

    def prompt_bytes(self, model: str) -> int:
        defaults = self._local.store.resolve(model).defaults
        return 0 if defaults is None else len(msgspec.msgpack.encode(defaults))

    def models(self) -> list[ModelSummary]:
        return self._local.store.models()
