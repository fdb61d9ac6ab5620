"""What an owner asks of the node about paired devices: pair, list, forget, grant."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ingle.operations.operation import Event, Name, Operation

Limit = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class WhoAmI(Operation, frozen=True, kw_only=True, tag="who_am_i"):
    """This node's identity. One `Me`."""


class Me(Event, frozen=True, kw_only=True, tag="me"):
    """Who this node is to others."""

    name: str
    fingerprint: str
    key: str
    """In hexadecimal."""
    places: list[str] = []
    """Where it listens now; empty while no one needs it."""
    problem: str = ""
    """Such as: another live node shows the same key."""


class ResetIdentity(Operation, frozen=True, kw_only=True, tag="reset_identity"):
    """Make a new key; every pairing and grant ends. The node stops. One `Done`."""


class Invite(Operation, frozen=True, kw_only=True, tag="invite"):
    """Make an invite. One `Invited`."""

    preset: str = ""
    """What the device that joins is granted at once: ``family``, ``guest`` or nothing."""
    ttl_s: Annotated[float, msgspec.Meta(ge=1, le=7 * 86400)] = 600.0


class Invited(Event, frozen=True, kw_only=True, tag="invited"):
    """A code that pairs one device, once."""

    code: str
    expires: float


class Join(Operation, frozen=True, kw_only=True, tag="join"):
    """Pair with the device that made an invite. `TryingPath` events, then one `Paired`."""

    code: Code
    name: str = ""
    """What to call it here; else what it calls itself."""


class PeerInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A paired device."""

    name: str
    fingerprint: str
    key: str
    called: str = ""
    """What it calls itself."""
    paired: float = 0.0
    seen: float = 0.0
    """When it last answered (Unix time); 0: never."""
    connected: bool = False
    way: str = ""
    """``lan``, ``direct``, ``punched`` or ``relay``: the path of now, or the last one."""
    place: str = ""
    round_trip_s: float | None = None
    models: list[str] = []
    """What it offered us when it was last asked."""
    given: list[str] = []
    """Grants that it has from us."""
    held: list[str] = []
    """Grants that we have from it."""
    problem: str = ""
    """Why it is not reachable just now."""


class Paired(Event, frozen=True, kw_only=True, tag="paired"):
    """The two devices know each other."""

    peer: PeerInfo


class Nearby(Operation, frozen=True, kw_only=True, tag="nearby"):
    """Who else runs ingle on this network. `Found` events as they answer; ends in time."""

    seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 3.0


class Found(Event, frozen=True, kw_only=True, tag="found"):
    """A node on this network, and whether it waits for a code to be confirmed."""

    name: str
    fingerprint: str
    place: str
    paired: bool = False
    asks: bool = False
    """It wants to pair: confirm its code, or let it be."""


class Pair(Operation, frozen=True, kw_only=True, tag="pair"):
    """Pair with a node nearby, by a short code. One `ShowCode`, then (confirmed) `Paired`."""

    peer: Name
    """Its name or fingerprint, as `Nearby` says."""


class ShowCode(Event, frozen=True, kw_only=True, tag="show_code"):
    """Six digits that must be equal on both devices."""

    code: str
    name: str
    fingerprint: str


class Requests(Operation, frozen=True, kw_only=True, tag="requests"):
    """Who asks to pair by a short code. One `Requested`."""


class Requested(Event, frozen=True, kw_only=True, tag="requested"):
    """Open requests."""

    codes: list[ShowCode]


class ConfirmCode(Operation, frozen=True, kw_only=True, tag="confirm_code"):
    """The people have compared: the other device shows this code, too (or not). One `Done`."""

    code: Annotated[str, msgspec.Meta(max_length=32)]
    equal: bool = True


class ListPeers(Operation, frozen=True, kw_only=True, tag="peers"):
    """The paired devices. One `Peers`."""

    ask: bool = False
    """Reach each of them now: which way, how far, what it offers."""


class Peers(Event, frozen=True, kw_only=True, tag="peer_list"):
    """The paired devices, by name."""

    peers: list[PeerInfo]
    problem: str = ""
    """What is wrong with this device's own identity, as in `Me`."""


class ForgetPeer(Operation, frozen=True, kw_only=True, tag="forget_peer"):
    """Unpair: all its grants end at once, also in the middle of an answer. One `Done`."""

    peer: Name


class RenamePeer(Operation, frozen=True, kw_only=True, tag="rename_peer"):
    """Call a paired device something else, or say where it always is. One `Peers` of one."""

    peer: Name
    name: str = ""
    places: list[Annotated[str, msgspec.Meta(max_length=100)]] | None = None
    """Fixed addresses, ``IP:PORT``."""


class GrantPeer(Operation, frozen=True, kw_only=True, tag="grant_peer"):
    """Grant a paired device access. One `Grants` of one."""

    peer: Name
    preset: str = ""
    capabilities: list[str] = []
    models: list[str] = []
    collections: list[str] = []
    """Names of collections that it may search or ask, ``*`` as a wildcard."""
    context: Limit | None = None
    max_tokens: Limit | None = None
    tokens_per_day: Limit | None = None
    requests_per_minute: Limit | None = None
    concurrent: Limit | None = None
    per_day: dict[str, Limit] = {}
    """Units other than tokens that may be used each day, such as ``audio_s``."""
    ends: float | None = None
    """Unix time; 0: never."""
    passes: Annotated[int, msgspec.Meta(ge=0, le=4)] | None = None
    of: str = ""
    """Pass on a part of this grant, which we hold, instead of granting our own."""


class GrantInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A grant, as its owner or holder sees it."""

    id: str
    direction: Literal["given", "held"]
    peer: str
    """Who has it from us, or whose it is."""
    capabilities: list[str]
    models: list[str]
    collections: list[str] = []
    context: int = 0
    max_tokens: int = 0
    tokens_per_day: int = 0
    requests_per_minute: int = 0
    concurrent: int = 0
    ends: float = 0.0
    passes: int = 0
    per_day: dict[str, int] = {}
    """Units other than tokens that may be used each day."""
    used_today: int = 0
    """Tokens."""
    amounts_today: dict[str, float] = {}
    """Other units."""
    requests_today: int = 0


class ListGrants(Operation, frozen=True, kw_only=True, tag="grants"):
    """What was granted. One `Grants`."""

    peer: str = ""


class Grants(Event, frozen=True, kw_only=True, tag="grant_list"):
    """Grants, the newest first."""

    grants: list[GrantInfo]


class RevokeGrant(Operation, frozen=True, kw_only=True, tag="revoke"):
    """Take a grant back; it ends at once, also in the middle of an answer. One `Done`."""

    grant: Annotated[str, msgspec.Meta(min_length=4, max_length=16)]
