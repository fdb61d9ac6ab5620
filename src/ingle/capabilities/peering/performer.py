"""What paired devices ask of this one, performed for them."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from ingle.capabilities.peering.operation import Expect, Introduce, News, Offer
from ingle.errors import CapabilityMissing
from ingle.node.performing import Caller, HostedNode
from ingle.operations import Done, Event, Operation
from ingle.peers.authorizer import PeerPrincipal
from ingle.peers.peer_service import PeerService


async def perform(
    node: HostedNode, operation: Operation, caller: Caller
) -> AsyncGenerator[Event, None]:
    """The events of what a paired device asks."""
    peer_service: PeerService | None = node.peer_service
    peer: PeerPrincipal | None = caller.peer
    if peer_service is None or peer is None:
        raise CapabilityMissing("only a paired device may ask this", capability="peering")
    router = await peer_service.open()
    match operation:
        case Offer():
            assert router.authorizer is not None
            yield router.authorizer.offer(peer)
        case Introduce(key=key):
            yield await router.introductions.introduce(peer.key, key)
        case Expect(key=key, place=place):
            router.introductions.expect(peer.key, key, place)
            yield Done()
        case News():
            peer_service.dialer.news_arrived(peer.key)
            yield Done()
