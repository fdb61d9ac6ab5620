"""Sharing, performed on this node."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from ingle.errors import CapabilityMissing
from ingle.node.performing import Caller, HostedNode
from ingle.operations import Event, Operation
from ingle.peers.room import Room


async def perform(
    node: HostedNode, operation: Operation, caller: Caller
) -> AsyncGenerator[Event, None]:
    """The events of an operation about shares; paired devices hear that there is news."""
    room: Room | None = node.room
    if room is None:
        raise CapabilityMissing("this node has no peers to share with", capability="share")
    async with aclosing(room.sharing.perform(operation)) as events:
        async for event in events:
            yield event
    for peer in room.book.peers():
        room.dialer.tell_grants(peer.key)
