"""Sharing, performed on this node."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from ingle.errors import CapabilityMissing
from ingle.node.performing import Caller, HostedNode
from ingle.operations import Event, Operation
from ingle.peers.peer_service import PeerService


async def perform(
    node: HostedNode, operation: Operation, caller: Caller
) -> AsyncGenerator[Event, None]:
    """The events of an operation about shares; paired devices hear that there is news."""
    peer_service: PeerService | None = node.peer_service
    if peer_service is None:
        raise CapabilityMissing("this node has no peers to share with", capability="share")
    async with aclosing(peer_service.sharing.perform(operation)) as events:
        async for event in events:
            yield event
    for peer in peer_service.address_book.peers():
        peer_service.dialer.tell_grants(peer.key)
