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

from ingle.capabilities.peering.operation import SharedModel
from ingle.capabilities.store.operation import ModelSummary
from ingle.errors import EgressRefused, NetworkError, NotPaired
from ingle.node.local import LocalNode
from ingle.node.performing import Caller
from ingle.operations import Operation
from ingle.operations.encoded import Passed
from ingle.peers.authorizer import Authorizer
from ingle.peers.book import Book
from ingle.peers.clock import Clock
from ingle.peers.dialer import Dialer
from ingle.peers.files import FileShelf
from ingle.peers.granting import Granting
from ingle.peers.handshakes import Handshakes
from ingle.peers.identity import FILE as KEY_FILE
from ingle.peers.identity import Identity
from ingle.peers.invites import Invites
from ingle.peers.meter import Meter
from ingle.peers.nearby import Nearby, Nobody, ZeroconfNearby
from ingle.peers.pulls import PeerPulls, shared_models
from ingle.peers.records import Records
from ingle.peers.switchboard import Switchboard
from ingle.peers.transport import FILE, PAIR, LinkError, Transport

if TYPE_CHECKING:
    from ingle.peers.swarm.sharing import Sharing

DATABASE = "peers.sqlite3"
SHARES = "shares.sqlite3"

Bind = Callable[[Identity], Awaitable[Transport]]


class Room:
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
        nearby: Nearby | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._local = local
        self._settings = settings = local.settings
        self._state: Path = settings.state_path
        self._bind = bind or self._bind_iroh
        self._around = nearby
        self.records = Records(self._state / DATABASE)
        self.clock = Clock(self.records, wall)
        self.book = Book(self.records)
        self.invites = Invites(self.records, self.clock)
        """Open invites."""
        self.granting = Granting(self.records, self._who, self.clock)
        """Grants given and held."""
        self.dialer = Dialer(self._make, self.book, self.granting)
        """Links and sessions with peers."""
        self.handshakes = Handshakes(
            self._who, self.book, self.clock, self.invites, self.granting, self.dialer
        )
        """Pairings under way."""
        self.pulls = PeerPulls(
            self.book, self.dialer, lambda: self.sharing, local.ledger, settings.egress
        )
        """Models from paired devices."""

    @functools.cached_property
    def identity(self) -> Identity:
        """Who this node is; made when it is first asked."""
        return Identity.load(self._state, self._settings.device_name)

    @functools.cached_property
    def meter(self) -> Meter:
        """What was used."""
        return Meter(self.records, self.clock)

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
        return self.dialer.switchboard is not None

    @property
    def wanted(self) -> bool:
        """Somebody relies on this node: it must not end for idleness."""
        shares = bool(self.shares_exist and self.sharing.shares.offered())
        return shares or (self.is_open and (bool(self.granting.given()) or self.invites.open() > 0))

    @property
    def problem(self) -> str:
        """What is wrong with this identity; empty if nothing is."""
        switchboard = self.dialer.switchboard
        return switchboard.copied if switchboard else ""

    def reset(self) -> None:
        """Forget the key, all peers and all grants. The node must end after this."""
        for peer in self.book.peers():
            self.dialer.hang_up(
                peer.key, NotPaired(f"{peer.name} was forgotten: this device began anew")
            )
        (self._state / KEY_FILE).unlink(missing_ok=True)
        self.records.empty()

    async def open_if_needed(self) -> None:
        """Open, if somebody is paired (and may call) or an invite is out; go on sharing."""
        if self._settings.egress == "deny":
            return
        if (self._state / SHARES).exists():
            await self.sharing.open()
        if self.book.peers() or self.invites_are_out():
            with contextlib.suppress(NetworkError):  # told when somebody asks for it
                await self.open()

    def invites_are_out(self) -> bool:
        """Without making an identity for it."""
        return bool((self._state / KEY_FILE).exists() and self.invites.open())

    async def open(self) -> Switchboard:
        """As `Dialer.open`."""
        return await self.dialer.open()

    async def close(self) -> None:
        """Hang up and close the port."""
        if self.is_open:
            await self.handshakes.close()
        await self.dialer.close()
        if "sharing" in self.__dict__:
            await self.sharing.close()
        self.records.close()

    def recheck(self) -> None:
        """Grants were taken back: stop what none allows any more."""
        switchboard = self.dialer.switchboard
        if switchboard is not None and switchboard.authorizer is not None:
            switchboard.authorizer.recheck()

    def _who(self) -> Identity:
        return self.identity

    def _shared(self) -> list[SharedModel]:
        return shared_models(self.sharing) if self.shares_exist else []

    async def _make(self) -> Switchboard:
        if self._settings.egress == "deny":
            raise EgressRefused(
                "peers are other devices, and nothing may leave this one",
                hint="ingle config set egress allow",
            )
        try:
            transport = await self._bind(self.identity)
        except LinkError as error:
            raise NetworkError(
                f"no port can be opened for peers: {error}",
                hint="ingle config set peer_port 0, or another peer_host",
            ) from None
        around = self._around or (
            ZeroconfNearby(self._settings.peer_host) if self._settings.nearby else Nobody()
        )
        local = self._local
        shelf = FileShelf(
            self.identity,
            self.book,
            self.granting,
            lambda: self.sharing.shares,
            local.store,
            local.ledger,
        )
        switchboard = Switchboard(
            self.identity,
            transport,
            around,
            self.book,
            self.granting,
            self.clock,
            handlers={PAIR: self.handshakes.serve, FILE: shelf.serve},
            invites_open=self.invites.open,
        )
        switchboard.authorizer = Authorizer(
            _Behind(local, self._shared),
            self.identity,
            self.book,
            self.granting,
            self.meter,
            self.clock,
        )
        await switchboard.start()
        return switchboard

    async def _bind_iroh(self, identity: Identity) -> Transport:
        from ingle.peers.iroh import IrohTransport

        settings = self._settings
        return await IrohTransport.bind(
            identity.secret, settings.peer_host, settings.peer_port, relay=settings.relay
        )


class _Behind:
    """The local node as the authorizer sees it."""

    def __init__(self, local: LocalNode, shared: Callable[[], list[SharedModel]]) -> None:
        self._local = local
        self.shared = shared

    def relay_for(
        self, caller: Caller, operation: Operation
    ) -> AbstractAsyncContextManager[AsyncIterator[Passed]]:
        return self._local.relay_for(caller, operation)

    def resolve(self, model: str) -> tuple[str, str]:
        found = self._local.store.resolve(model)
        return found.name, found.digest

    def models(self) -> list[ModelSummary]:
        return self._local.store.models()
