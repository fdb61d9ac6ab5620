"""The paired devices of this one, for its owner: pair, list, forget, grant."""

from __future__ import annotations

from ingle.capabilities.peers.operation import (
    ConfirmCode,
    ForgetPeer,
    Found,
    GrantPeer,
    Grants,
    Invite,
    Invited,
    Join,
    ListGrants,
    ListPeers,
    Me,
    Nearby,
    Pair,
    Paired,
    Peers,
    RenamePeer,
    Requested,
    Requests,
    ResetIdentity,
    RevokeGrant,
    ShowCode,
    WhoAmI,
)
from ingle.operations import Done, TryingPath
from ingle.operations.capability import Capability, Command, Free, OwnerOnly

_CLI = "ingle.capabilities.peers.cli"

CAPABILITY = Capability(
    name="peers",
    summary="Paired devices, and what they are granted.",
    operations=(
        WhoAmI, Invite, Join, Nearby, Pair, Requests, ConfirmCode, ListPeers, ForgetPeer,
        RenamePeer, GrantPeer, ListGrants, RevokeGrant, ResetIdentity,
    ),
    events=(Me, Invited, TryingPath, Paired, Found, ShowCode, Requested, Peers, Grants, Done),
    permission=OwnerOnly(),
    cost=Free(),
    performer="ingle.capabilities.peers.performer:perform",
    commands={
        "peers": Command(
            f"{_CLI}.peers:peers_command",
            "Paired devices: invite, join, nearby, list, forget.",
        ),
        "grant": Command(f"{_CLI}.grant:grant_command", "Grant a paired device access."),
        "grants": Command(
            f"{_CLI}.grant:grants_command", "List grants and their usage."
        ),
        "revoke": Command(f"{_CLI}.grant:revoke_command", "Revoke a grant."),
    },
    methods="ingle.capabilities.peers.client:PeerMethods",
    doctor="ingle.capabilities.peers.cli.identity_findings:findings",
)  # fmt: skip
