"""Paired devices, from Python."""

from __future__ import annotations

from typing import Any

from ingle.capabilities.peers.operation import (
    ForgetPeer,
    GrantInfo,
    GrantPeer,
    Grants,
    Invite,
    Invited,
    Join,
    ListGrants,
    ListPeers,
    Paired,
    PeerInfo,
    Peers,
    RevokeGrant,
)
from ingle.client.methods import Methods
from ingle.operations import Done


class PeerMethods(Methods):
    """Methods of `AsyncHome`."""

    async def peers(self, *, ask: bool = False) -> list[PeerInfo]:
        """The paired devices. With ``ask`` each is reached now."""
        return (await self.ask(ListPeers(ask=ask), Peers)).peers

    async def invite(self, *, preset: str = "", minutes: float = 10.0) -> Invited:
        """A code that pairs one device, once; it is granted the preset at once."""
        return await self.ask(Invite(preset=preset, ttl_s=minutes * 60), Invited)

    async def join(self, code: str, *, name: str = "") -> PeerInfo:
        """Pair with the device that made an invite."""
        return (await self.ask(Join(code=code, name=name), Paired)).peer

    async def forget(self, peer: str) -> None:
        """Unpair a device; its grants end at once."""
        await self.ask(ForgetPeer(peer=peer), Done)

    async def grant(self, peer: str, preset: str = "", **bounds: Any) -> GrantInfo:
        """Grant a paired device access. ``bounds``: any field of `GrantPeer`."""
        return (await self.ask(GrantPeer(peer=peer, preset=preset, **bounds), Grants)).grants[0]

    async def grants(self, peer: str = "") -> list[GrantInfo]:
        """What was granted, by this device and to it."""
        return (await self.ask(ListGrants(peer=peer), Grants)).grants

    async def revoke(self, grant: str) -> None:
        """Take a grant back, by its id."""
        await self.ask(RevokeGrant(grant=grant), Done)
