"""What paired devices ask of each other: what is offered, and how a third one is reached."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ingle.operations.guest_rules import Costless
from ingle.operations.operation import Event, Operation

KNOWN = Costless("only devices that are paired with both are told, and only once")


class Offer(Operation, frozen=True, kw_only=True, tag="offer"):
    """Asked by a paired device: what do you offer me? One `Offered`."""


class FileInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file of a model that a peer shares."""

    digest: str
    name: str
    size: int
    role: str = "weights"


class SharedModel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model whose files a peer lets the asker fetch."""

    name: str
    digest: str
    size: int
    files: list[FileInfo] = []
    port: int = 0
    """Where it also answers by BitTorrent; 0: it does not."""


class Offered(Event, frozen=True, kw_only=True, tag="offered"):
    """What a provider lets the asker do."""

    name: str
    models: list[str] = []
    digests: list[str] = []
    """Of the models, in the same order."""
    chains: list[bytes] = []
    """The grants themselves, signed."""
    shared: list[SharedModel] = []
    """Models that the asker may pull."""
    left: int | None = None
    """Tokens left today, by the widest grant; None: no limit."""


class News(Operation, frozen=True, kw_only=True, tag="news"):
    """Told to a paired device: what I offer you has changed; ask for it. One `Done`."""


class Introduce(Operation, frozen=True, kw_only=True, tag="introduce"):
    """Asked of a device that both know: let me and this key dial each other. One `Introduced`."""

    key: Annotated[bytes, KNOWN]


class Introduced(Event, frozen=True, kw_only=True, tag="introduced"):
    """Where the other was seen from, and where the asker was."""

    place: str
    yours: str


class Expect(Operation, frozen=True, kw_only=True, tag="expect"):
    """Told by a device that both sides know: this key dials you now; dial it, too. One `Done`."""

    key: Annotated[bytes, KNOWN]
    place: Annotated[str, KNOWN]
