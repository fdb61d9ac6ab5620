"""Models from peers: who shares what, and fetching it from all of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple

from ingle.capabilities.peering.operation import FileInfo, SharedModel
from ingle.capabilities.store.operation import Pull, Pulled
from ingle.errors import EgressRefused, IngleError, ModelNotFound
from ingle.models.format import PROJECTOR
from ingle.models.sources import HttpSource, parse_source
from ingle.node.ledger import EgressLedger
from ingle.operations import Event, Progress
from ingle.peers.address_book import AddressBook, Peer
from ingle.peers.dialer import Dialer
from ingle.peers.file_server import PeerFileSource
from ingle.peers.swarm.share_database import SharedFile

if TYPE_CHECKING:
    from ingle.peers.swarm.sharing import Sharing

_TOLD_ROLES = {PROJECTOR: "mmproj"}
"""How roles are told to others: as ingle 0.1 knows them; `ModelFile` takes both."""
ASK_S = 6.0
"""Peers that have not said what they share by then are left out."""


class ModelHolder(NamedTuple):
    """A peer that shares a model."""

    peer: Peer
    model: SharedModel


class PeerPulls:
    """Fetches models from paired devices.

    Args:
        sharing: downloads from several at once; opened when it is first asked.
        egress: ``deny``: nothing may leave this device.
    """

    def __init__(
        self,
        address_book: AddressBook,
        dialer: Dialer,
        sharing: Callable[[], Sharing],
        ledger: EgressLedger,
        egress: str,
    ) -> None:
        self._address_book = address_book
        self._dialer = dialer
        self._sharing = sharing
        self._ledger = ledger
        self._egress = egress

    async def holders(self, peers: Sequence[Peer]) -> list[ModelHolder]:
        """What each of these peers shares with us. Those that do not answer share nothing."""

        async def ask(peer: Peer) -> list[ModelHolder]:
            try:
                async with asyncio.timeout(ASK_S):
                    offered = await self._dialer.learn(await self._dialer.session(peer))
            except (IngleError, TimeoutError):
                return []
            return [ModelHolder(peer, model) for model in offered.shared[:500]]

        found = await asyncio.gather(*(ask(peer) for peer in peers))
        return [holder for group in found for holder in group]

    async def named(self, name: str, place: str) -> AsyncGenerator[Event, None]:
        """Fetch ``NAME@PEER``: what that peer calls so, from it and anyone else who has it.

        Raises:
            PeerNotFound, PeerUnreachable: no such peer, or it does not answer.
            ModelNotFound: it does not share that.
        """
        peer = self._address_book.find(place)
        offered = await self._dialer.learn(await self._dialer.session(peer))
        chosen = next((model for model in offered.shared if model.name == name), None)
        if chosen is None:
            raise _not_shared(name, peer.name, [model.name for model in offered.shared])
        others = [other for other in self._address_book.peers() if other.key != peer.key]
        holders = [ModelHolder(peer, chosen), *await self.holders(others)]
        async for event in self._fetch(name, chosen, holders):
            yield event

    async def anywhere(self, name: str) -> AsyncGenerator[Event, None]:
        """Fetch what any peer shares under a name.

        Raises:
            ModelNotFound: no one does, or two peers share different files under the name it.
        """
        holders = await self.holders(self._address_book.peers())
        fitting = [holder for holder in holders if holder.model.name == name]
        if len({holder.model.digest for holder in fitting}) > 1:
            who = ", ".join(f"{name}@{holder.peer.name}" for holder in fitting)
            raise ModelNotFound(
                f"peers share different files under the name {name!r}",
                hint=f"name the peer: ingle pull {who.split(', ')[0]} (available: {who})",
                model=name,
            )
        if not fitting:
            raise _not_shared(name, "any paired device", [h.model.name for h in holders])
        async for event in self._fetch(name, fitting[0].model, holders):
            yield event

    async def beside(self, operation: Pull) -> list[ModelHolder]:
        """Peers that share the very file of a pull from the web, whose hash is known."""
        digest = f"sha256:{operation.sha256.removeprefix('sha256:')}"
        holders = await self.holders(self._address_book.peers())
        return [holder for holder in holders if holder.model.digest == digest]

    async def fetch_beside(
        self, operation: Pull, holders: list[ModelHolder]
    ) -> AsyncGenerator[Event, None]:
        """Such a pull, from the web and from these peers together."""
        source = parse_source(operation)
        assert isinstance(source, HttpSource)
        url = operation.source or operation.model
        async for event in self._fetch(source.name, holders[0].model, holders, [url]):
            yield event

    async def _fetch(
        self,
        name: str,
        model: SharedModel,
        holders: Sequence[ModelHolder],
        urls: Sequence[str] = (),
    ) -> AsyncGenerator[Event, None]:
        if self._egress == "deny":
            raise EgressRefused(
                "asking a peer for a model needs network access, and egress is denied",
                hint="ingle config set egress allow",
            )
        same = [holder for holder in holders if holder.model.digest == model.digest]
        sources = [PeerFileSource(self._dialer, holder.peer) for holder in same]
        ports = [(self._address(holder.peer), holder.model.port) for holder in same]
        files = [
            SharedFile(digest=file.digest, name=file.name, size=file.size, role=file.role)
            for file in model.files
        ]
        entry = self._ledger.begin(
            to=", ".join(f"peer:{holder.peer.name}" for holder in same),
            operation="pull",
            model=model.name,
            bytes_out=0,
        )
        fetching = self._sharing().pull(
            name,
            model.digest,
            files[0].size if files else model.size,
            sources,
            [(address, port) for address, port in ports if address and port],
            urls,
            files=files,
        )
        try:
            with self._ledger.outcome(entry) as told:
                async with aclosing(fetching) as events:
                    async for event in events:
                        if isinstance(event, Progress):
                            told.bytes_in = max(told.bytes_in, event.completed)
                        yield event
                        if isinstance(event, Pulled):
                            told.bytes_in = event.model.size
        finally:
            for source in sources:
                await source.close()

    def _address(self, peer: Peer) -> str:
        """The IP address at which a peer is connected now; empty if that is not known."""
        session = self._dialer.live(peer.key)
        path = session.path() if session else None
        if path is None or path.way == "relay":
            return ""
        return path.place.rpartition(":")[0].strip("[]")


def shared_models(sharing: Sharing) -> list[SharedModel]:
    """What this node shares with paired peers."""
    found = []
    for share in sharing.shares.offered():
        files = [
            FileInfo(
                digest=file.digest,
                name=file.name,
                size=file.size,
                role=_TOLD_ROLES.get(file.role, file.role),
            )
            for file in share.files
        ]
        found.append(
            SharedModel(
                name=share.name,
                digest=share.digest,
                size=sum(file.size for file in files),
                files=files,
                port=sharing.port_of(share),
            )
        )
    return found


def _not_shared(name: str, who: str, shared: list[str]) -> ModelNotFound:
    return ModelNotFound(
        f"{who} does not share {name!r} with this device"
        + (f"; it shares: {', '.join(sorted(set(shared))[:10])}" if shared else ""),
        hint=f"there: ingle share {name}, and: ingle grant THIS --capabilities pull",
        model=name,
    )
