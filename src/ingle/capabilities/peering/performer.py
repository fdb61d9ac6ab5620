"""What paired devices ask of this one, performed for them."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from ingle.capabilities.peering.operation import Expect, Introduce, News, Offer
from ingle.errors import CapabilityMissing
from ingle.node.performing import Caller, HostedNode
from ingle.operations import Done, Event, Operation
from ingle.peers.authorizer import Visitor
from ingle.peers.room import Room


async def perform(
    node: HostedNode, operation: Operation, caller: Caller
) -> AsyncGenerator[Event, None]:
    """The events of what a paired device asks."""
    room: Room | None = node.room
    visitor: Visitor | None = caller.visitor
    if room is None or visitor is None:
        raise CapabilityMissing("only a paired device asks this", capability="peering")
    switchboard = await room.open()
    match operation:
        case Offer():
            assert switchboard.authorizer is not None
            yield switchboard.authorizer.offer(visitor)
        case Introduce(key=key):
            yield await switchboard.introductions.introduce(visitor.key, key)
        case Expect(key=key, place=place):
            switchboard.introductions.expect(visitor.key, key, place)
            yield Done()
        case News():
            room.dialer.nudged(visitor.key)
            yield Done()
