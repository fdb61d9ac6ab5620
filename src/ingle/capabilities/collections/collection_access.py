"""Searching and asking a collection where it is: here, for the owner or a guest, or elsewhere.

A guest reads the collections that its grant names, and nothing else of this device: files are shown
by their place below what a collection is made of, the names of other collections are not told, and
what is asked for it goes to no third device.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from ingle.capabilities.collections import performer
from ingle.capabilities.collections.open_collections import OpenCollections
from ingle.capabilities.collections.operation import (
    AskCollection,
    SearchCollection,
    SearchResults,
)
from ingle.collections.shown_places import patterns_here, shown_place
from ingle.errors import NotFound, PeerNotFound
from ingle.node.performing import Caller, HostedNode, Services
from ingle.operations import Event, ModelOperation, Operation, operation_name, registry
from ingle.operations.encoded import decoded
from ingle.operations.events import ModelResult
from ingle.peers.peer_service import PeerService
from ingle.protocol.piece_stream import PieceStream

Read = SearchCollection | AskCollection


async def perform(node: HostedNode, asked: Read, caller: Caller) -> AsyncGenerator[Event, None]:
    """The events of a search or a question."""
    if asked.on not in ("", "local"):
        events = _elsewhere(node, asked)
    elif caller.owns:
        events = performer.perform(node, asked, caller)
    else:
        events = _for_guest(node, asked, caller)
    async with contextlib.aclosing(events):
        async for event in events:
            yield event


async def _elsewhere(node: HostedNode, asked: Read) -> AsyncGenerator[Event, None]:
    """By the device that has the collection."""
    peer_service: PeerService | None = node.peer_service
    if peer_service is None:
        raise PeerNotFound(f"{asked.on}: this node has no paired devices", peer=asked.on)
    peer = peer_service.address_book.find(asked.on)
    there = msgspec.structs.replace(asked, on="")
    relayed = peer_service.remote.events(peer, there, about=asked.collection)
    types = registry.of(asked).types
    async with contextlib.aclosing(decoded(relayed, types)) as events:
        async for event in events:
            if isinstance(event, ModelResult):
                event = msgspec.structs.replace(event, where=f"peer:{peer.name}")
            yield event


async def _for_guest(node: HostedNode, asked: Read, caller: Caller) -> AsyncGenerator[Event, None]:
    local = node.local
    there: OpenCollections = local.part(OpenCollections, lambda: OpenCollections(local.state))
    if asked.collection not in there.names():
        raise NotFound(f"there is no collection {asked.collection!r}", collection=asked.collection)
    roots = there.find(asked.collection).roots
    asked = msgspec.structs.replace(asked, places=patterns_here(asked.places, roots))
    entry = local.ledger.begin(
        to=f"peer:{caller.peer.name}",
        operation=operation_name(asked),
        model=asked.collection,
        bytes_out=0,
    )
    behind = _ForGuest(local, caller.principal)
    with local.ledger.outcome(entry) as told:
        async with contextlib.aclosing(performer.perform(behind, asked, caller)) as events:
            async for event in events:
                if isinstance(event, SearchResults):
                    results = [
                        msgspec.structs.replace(each, place=shown_place(each.place, roots))
                        for each in event.results
                    ]
                    event = msgspec.structs.replace(event, results=results)
                told.bytes_out += len(msgspec.msgpack.encode(event))
                yield event


class _ForGuest:
    """The node as it works for a guest: on its models, with no cached prompt of others. See
    `ingle.node.performing.HostedNode`."""

    def __init__(self, local: Services, principal: str) -> None:
        self.local = local
        self._principal = principal

    @property
    def peer_service(self) -> Any:
        return None

    def perform(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        if isinstance(operation, ModelOperation):
            operation = msgspec.structs.replace(operation, on="local")
        return self.local.perform_for(self._principal, operation, feed)
