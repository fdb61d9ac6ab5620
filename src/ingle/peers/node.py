"""PeeredNode: this machine's node, together with the devices that are paired with it."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager

import msgspec

from ingle.config import Settings
from ingle.errors import EgressRefused, ModelNotFound
from ingle.models.sources import CacheSource, HttpSource, parse_source
from ingle.node import routes
from ingle.node.local import LocalNode
from ingle.node.resident import OWNER
from ingle.operations import (
    Chat,
    Complete,
    ConfirmCode,
    Detokenize,
    Done,
    Embed,
    Embedded,
    Event,
    ForgetPeer,
    GrantPeer,
    Invite,
    Join,
    ListGrants,
    ListModels,
    ListPeers,
    ListShares,
    ModelOperation,
    Nearby,
    Operation,
    Pair,
    Pull,
    Reasoning,
    RemoveAdapter,
    RemoveModel,
    RemoveRun,
    RenamePeer,
    Requests,
    Rerank,
    ResetIdentity,
    RevokeGrant,
    ShareModel,
    Text,
    Tokenize,
    ToolCallPiece,
    Train,
    UnshareModel,
    WhoAmI,
    operation_name,
)
from ingle.peers import delegation, grants, reach
from ingle.peers.affairs import PeerAffairs
from ingle.peers.book import Peer
from ingle.peers.delegation import Place
from ingle.peers.room import Room
from ingle.peers.session import Session
from ingle.peers.training import PeerTrainings

_AFFAIRS = (
    WhoAmI, Invite, Join, Nearby, Pair, Requests, ConfirmCode, ListPeers, ForgetPeer, RenamePeer,
    GrantPeer, ListGrants, RevokeGrant, ResetIdentity,
)  # fmt: skip
_MODEL_OPERATIONS = (Chat, Complete, Embed, Rerank, Tokenize, Detokenize)


class PeeredNode:
    """See `ingle.node.node.Node`. Adds places to those that `LocalNode` knows."""

    def __init__(self, local: LocalNode, room: Room) -> None:
        self.local = local
        self.room = room
        self._affairs = PeerAffairs(local, room)

    @classmethod
    async def open(cls, settings: Settings) -> PeeredNode:
        """Host the node of a state directory in this process.

        Raises:
            NodeAlreadyRunning: another process hosts it.
        """
        local = await LocalNode.open(settings)
        try:
            room = Room(local)
            await room.open_if_needed()
        except BaseException:
            await local.aclose()
            raise
        return cls(local, room)

    @functools.cached_property
    def trainings(self) -> PeerTrainings:
        """Runs that other devices perform for this one."""
        return PeerTrainings(
            self.local.trainings, self.room.book, self.room.dialer, self.room.granting,
            self.local.ledger, self.local.settings.egress,
        )  # fmt: skip

    @property
    def busy(self) -> bool:
        """Work is under way, a model is in memory, or a peer relies on this node."""
        local = self.local
        return bool(local.under_way or local.scheduler.residents or self.room.wanted)

    async def aclose(self) -> None:
        """Hang up on all peers, stop all work and end the workers."""
        await self.room.close()
        await self.local.aclose()

    def perform(self, operation: Operation) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        if isinstance(operation, _AFFAIRS):
            return self._closing(self._affairs.perform(operation))
        match operation:
            case ListModels(peers=True):
                return self._closing(self._affairs.perform(operation))
            case ShareModel() | UnshareModel() | ListShares():
                return self._closing(self._share(operation))
            case Pull():
                return self._closing(self._pull(operation))
            case RemoveModel() | RemoveAdapter():
                return self._closing(self._remove(operation))
            case Train() if place := self.trainings.place(operation):
                return self._closing(self.trainings.train(operation, place))
            case RemoveRun():
                return self._closing(self._remove_run(operation))
        if isinstance(operation, _MODEL_OPERATIONS):
            operation = routes.split_adapters(operation)
            places = self._places(operation)
            if places is not None:
                return self._closing(self._delegate(operation, places))
        return self.local.perform(operation)

    @asynccontextmanager
    async def _closing(
        self, events: AsyncGenerator[Event, None]
    ) -> AsyncIterator[AsyncIterator[Event]]:
        with self.local.in_use():
            try:
                yield events
            finally:
                await events.aclose()

    # -- models ------------------------------------------------------------------

    async def _share(self, operation: Operation) -> AsyncGenerator[Event, None]:
        async with aclosing(self.room.sharing.perform(operation)) as events:
            async for event in events:
                yield event
        for peer in self.room.book.peers():
            self.room.dialer.tell_grants(peer.key)

    async def _remove(self, operation: RemoveModel | RemoveAdapter) -> AsyncGenerator[Event, None]:
        async with self.local.perform(operation) as events:
            async for event in events:
                yield event
        if self.room.shares_exist:
            await self.room.sharing.refresh()

    async def _remove_run(self, operation: RemoveRun) -> AsyncGenerator[Event, None]:
        """A run's folder, and the part of it that another device has."""
        place = self.local.trainings.runs.status(operation.name).on
        async with self.local.perform(operation) as events:
            async for event in events:
                if place and isinstance(event, Done):
                    left = await self.trainings.remove(operation.name, place)
                    event = Done(message=". ".join(filter(None, (event.message, left))))
                yield event

    async def _pull(self, operation: Pull) -> AsyncGenerator[Event, None]:
        """From a peer, if one is named; from where the name says; else from any peer."""
        pulls = self.room.pulls
        name, at, place = operation.model.rpartition("@")
        if at and not operation.source and not place.startswith("sha256:"):
            async for event in pulls.named(name, place):
                yield event
            return
        known = operation.sha256 and isinstance(parse_source(operation), HttpSource)
        holders = await pulls.beside(operation) if known and self.room.book.peers() else []
        if holders:
            async for event in pulls.fetch_beside(operation, holders):
                yield event
            return
        try:
            async with self.local.perform(operation) as events:
                async for event in events:
                    yield event
        except ModelNotFound:
            by_name = isinstance(parse_source(operation), CacheSource)
            if operation.source or not by_name or not self.room.book.peers():
                raise
        else:
            return
        async for event in pulls.anywhere(operation.model):
            yield event

    # -- where ---------------------------------------------------------------

    def _places(self, operation: ModelOperation) -> list[Place] | None:
        """Who may perform it, in order; None: this machine (or an upstream) alone.

        Raises:
            PeerNotFound: a place was named that is none.
        """
        model, named = routes.named_place(operation)
        if named:
            wanted = [name.strip() for name in named.split(",") if name.strip()]
            elsewhere = {"local", *self.local.settings.upstreams}
            alone = len(wanted) == 1 and wanted[0] in elsewhere
            if alone or not self.room.book.peers():
                return None  # the local node knows these, and says which it does not
            places = [place for name in wanted for place in self._named(name, model)]
            if self.local.settings.delegate != "never":
                peers = [self.room.book.find(name) for name in wanted if name not in elsewhere]
                places += [self._at(peer, model) for peer in self._offering(model, peers)]
            if "local" not in wanted:
                go_on = self.local.settings.delegate == "never"
                places += self._here(model, only_to_go_on=go_on)
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
        able = [peer for peer in self.room.book.peers() if model in peer.models and peer not in but]
        return sorted(able, key=lambda peer: self.room.dialer.live(peer.key) is None)

    def _here(self, model: str, *, only_to_go_on: bool = False) -> list[Place]:
        try:
            found = self.local.store.resolve(model)
        except ModelNotFound:
            return []

        def perform(operation: ModelOperation) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
            return self.local.perform_for(OWNER, msgspec.structs.replace(operation, on="local"))

        return [Place("local", model, found.digest, only_to_go_on, perform)]

    def _named(self, name: str, model: str) -> list[Place]:
        """A place that was named among others: this machine, an upstream, or a peer."""
        if name == "local":
            return self._here(model)
        if name not in self.local.settings.upstreams:
            return [self._at(self.room.book.find(name), model)]

        def perform(operation: ModelOperation) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
            return self.local.perform_for(OWNER, msgspec.structs.replace(operation, on=name))

        return [Place(f"upstream:{name}", model, "", False, perform)]

    def _at(self, peer: Peer, model: str) -> Place:
        def perform(operation: ModelOperation) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
            return self._ask(peer, operation)

        return Place(f"peer:{peer.name}", model, "", False, perform)

    async def _delegate(
        self, operation: ModelOperation, places: list[Place]
    ) -> AsyncGenerator[Event, None]:
        operation = await self.local.with_images(operation)
        async for event in delegation.delegate(operation, places):
            yield event

    @asynccontextmanager
    async def _ask(
        self, peer: Peer, operation: ModelOperation
    ) -> AsyncIterator[AsyncIterator[Event]]:
        async with aclosing(self._asked(peer, operation)) as events:
            yield events

    async def _asked(self, peer: Peer, operation: ModelOperation) -> AsyncGenerator[Event, None]:
        """Have a peer perform it, and write it down before a byte leaves."""
        if self.local.settings.egress == "deny":
            raise EgressRefused(
                f"{peer.name} is another device, and nothing may leave this one",
                hint="ingle config set egress allow",
            )
        sessions: list[Session] = []
        reaching = reach.heard(lambda told: self.room.dialer.session(peer, told), sessions.append)
        async with aclosing(reaching) as stages:
            async for stage in stages:
                yield stage
        held = self.room.granting.held(peer.key)
        entry = self.local.ledger.begin(
            to=f"peer:{peer.name}",
            operation=operation_name(operation),
            model=operation.model,
            bytes_out=len(msgspec.msgpack.encode(operation)),
            grant=grants.read(held[0][-1]).id if held else "",
        )
        with self.local.ledger.outcome(entry) as told:
            async with sessions[0].connection.perform(operation) as events:
                async for event in events:
                    match event:
                        case Text(text=text) | Reasoning(text=text):
                            told.bytes_in += len(text.encode())
                        case ToolCallPiece(arguments=text):
                            told.bytes_in += len(text.encode())
                        case Embedded(data=data):
                            told.bytes_in += len(data)
                    yield event
