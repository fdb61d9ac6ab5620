"""PeeredNode: this machine's node, together with the devices that are paired with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager

import msgspec

from ingle.config import Settings
from ingle.errors import ModelNotFound
from ingle.node import routes
from ingle.node.local_node import LocalNode
from ingle.operations import (
    Event,
    Generation,
    ModelOperation,
    Operation,
    registry,
)
from ingle.operations.encoded import Passed, decoded
from ingle.peers import delegation
from ingle.peers.address_book import Peer
from ingle.peers.delegation import DelegationTarget
from ingle.peers.peer_service import PeerService
from ingle.protocol.piece_stream import PieceStream


class PeeredNode:
    """See `ingle.node.node.Node`. Adds places to those that `LocalNode` knows."""

    def __init__(self, local: LocalNode, peer_service: PeerService) -> None:
        self.local = local
        self.peer_service = peer_service
        local.host = self

    @classmethod
    async def open(cls, settings: Settings) -> PeeredNode:
        """Host the node of a state directory in this process.

        Raises:
            NodeAlreadyRunning: another process hosts it.
        """
        local = await LocalNode.open(settings)
        try:
            peer_service = PeerService(local)
            node = cls(local, peer_service)
            await peer_service.open_if_needed()
        except BaseException:
            await local.aclose()
            raise
        return node

    @property
    def busy(self) -> bool:
        """Work is under way, a model is in memory, or a peer relies on this node."""
        local = self.local
        return bool(local.under_way or local.scheduler.loaded_models or self.peer_service.wanted)

    async def aclose(self) -> None:
        """Hang up on all peers, stop all work and end the workers."""
        await self.peer_service.close()
        await self.local.aclose()

    @asynccontextmanager
    async def perform(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        types = registry.of(operation).types
        async with (
            self.relay(operation, feed) as events,
            aclosing(decoded(events, types)) as known,
        ):
            yield known

    def relay(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Passed]]:
        if isinstance(operation, ModelOperation):
            if isinstance(operation, Generation):
                operation = routes.split_adapters(operation)
            places = self._places(operation)
            if places is not None:
                return self._closing(self._delegate(operation, places, feed))
        return self.local.relay(operation, feed)

    @asynccontextmanager
    async def _closing(
        self, events: AsyncGenerator[Passed, None]
    ) -> AsyncIterator[AsyncIterator[Passed]]:
        with self.local.in_use():
            try:
                yield events
            finally:
                await events.aclose()

    # -- where ---------------------------------------------------------------

    def _places(self, operation: ModelOperation) -> list[DelegationTarget] | None:
        """Where it may be performed, in order; None: this machine (or an upstream) alone.

        Raises:
            PeerNotFound: a place was named that there is not.
        """
        model, named = routes.named_place(operation)
        if named:
            wanted = [name.strip() for name in named.split(",") if name.strip()]
            elsewhere = {"local", *self.local.settings.upstreams}
            alone = len(wanted) == 1 and wanted[0] in elsewhere
            if alone or not self.peer_service.address_book.peers():
                return None  # the local node knows these, and says which it does not
            places = [place for name in wanted for place in self._named(name, model)]
            if self.local.settings.delegate != "never":
                peers = [
                    self.peer_service.address_book.find(name)
                    for name in wanted
                    if name not in elsewhere
                ]
                places += [self._at(peer, model) for peer in self._offering(model, peers)]
            if "local" not in wanted:
                resume = self.local.settings.delegate == "never"
                places += self._here(model, only_to_resume=resume)
            return places
        policy = self.local.settings.delegate
        offering = self._offering(model, []) if policy != "never" else []
        if not offering:
            return None
        others = [self._at(peer, model) for peer in offering]
        here = self._here(model)
        return [*others, *here] if policy == "prefer" else [*here, *others]

    def _offering(self, model: str, but: list[Peer]) -> list[Peer]:
        """Peers that offered this model when they were last heard, connected ones first."""
        able = [
            peer
            for peer in self.peer_service.address_book.peers()
            if model in peer.models and peer not in but
        ]
        return sorted(able, key=lambda peer: self.peer_service.dialer.live(peer.key) is None)

    def _here(self, model: str, *, only_to_resume: bool = False) -> list[DelegationTarget]:
        try:
            found = self.local.store.resolve(model)
        except ModelNotFound:
            return []
        return [
            DelegationTarget("local", model, found.digest, only_to_resume, self._local("local"))
        ]

    def _named(self, name: str, model: str) -> list[DelegationTarget]:
        """A place that was named among others: this machine, an upstream, or a peer."""
        if name == "local":
            return self._here(model)
        if name not in self.local.settings.upstreams:
            return [self._at(self.peer_service.address_book.find(name), model)]
        return [DelegationTarget(f"upstream:{name}", model, "", False, self._local(name))]

    def _local(self, on: str) -> delegation.Perform:
        def perform(
            operation: ModelOperation, feed: PieceStream | None
        ) -> AbstractAsyncContextManager[AsyncIterator[Passed]]:
            return self.local.relay(msgspec.structs.replace(operation, on=on), feed)

        return perform

    def _at(self, peer: Peer, model: str) -> DelegationTarget:
        @asynccontextmanager
        async def perform(
            operation: ModelOperation, feed: PieceStream | None
        ) -> AsyncIterator[AsyncIterator[Passed]]:
            async with aclosing(self.peer_service.remote.events(peer, operation, feed)) as events:
                yield events

        return DelegationTarget(f"peer:{peer.name}", model, "", False, perform)

    async def _delegate(
        self, operation: ModelOperation, places: list[DelegationTarget], feed: PieceStream | None
    ) -> AsyncGenerator[Passed, None]:
        operation = await self.local.prepared(operation)
        async with aclosing(delegation.delegate(operation, places, feed)) as events:
            async for event in events:
                yield event
