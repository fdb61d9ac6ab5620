"""What can be asked about sharing: give a model to others, stop, and see who got how much."""

from __future__ import annotations

import enum

import msgspec

from ingle.operations.operation import Event, Name, Operation


class Audience(enum.StrEnum):
    """For whom a shared model is. Each takes in those before it."""

    PEERS = "peers"
    """Paired peers whose grant allows it, over their encrypted connection. Announced nowhere."""
    LAN = "lan"
    """Also anyone on the local network, by BitTorrent."""
    PUBLIC = "public"
    """Also anyone, by BitTorrent and, where configured, a DHT and trackers."""


class ShareSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One shared model, as ``ingle share`` lists it."""

    name: str
    digest: str
    size: int
    """Bytes of all its files."""
    audience: Audience
    since: float
    """Unix time."""
    uploaded: int = 0
    """Bytes sent to others, by any way, since it is shared."""
    ratio: float = 0.0
    """``uploaded`` over ``size``."""
    state: str = "shared"
    """``shared``; ``ended``: a limit of the owner is reached, BitTorrent peers get no more;
    ``suspended``: the files are not there now; ``damaged``: they are not what they were."""
    reason: str = ""
    infohashes: list[str] = []
    """One for each file: the names of their BitTorrent swarms."""
    peers: int = 0
    """BitTorrent peers connected now."""


class ShareModel(Operation, frozen=True, kw_only=True, tag="share"):
    """Share a model. `Progress` events while its files are read, then one `Shared`.

    A model that is shared already gets the new audience.
    """

    model: Name
    audience: Audience = Audience.PEERS


class Shared(Event, frozen=True, kw_only=True, tag="shared"):
    """The model is shared from now on, also after a restart of the node."""

    share: ShareSummary


class UnshareModel(Operation, frozen=True, kw_only=True, tag="unshare"):
    """Share a model no more; what is being sent stops. One `Done`."""

    model: Name


class ListShares(Operation, frozen=True, kw_only=True, tag="list_shares"):
    """What is shared. One `Shares`."""


class Shares(Event, frozen=True, kw_only=True, tag="shares"):
    """All shared models, by name."""

    shares: list[ShareSummary]
    port: int = 0
    """Where BitTorrent peers can call; 0: nothing listens."""
    problem: str = ""
    """Why no one can call, if someone should be able to."""
