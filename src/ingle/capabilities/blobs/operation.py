"""What can be asked about blobs: put one into a node, get it, list, forget."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ingle.capabilities.train.operation import Sha256
from ingle.operations.blob import Blob
from ingle.operations.guest_rules import Costless, GrantedModel, NodeLimit
from ingle.operations.operation import Event, Operation

Size = Annotated[int, msgspec.Meta(ge=0, le=2**50)]
Serves = Annotated[
    str, msgspec.Meta(max_length=64), Costless("a grant of it is what allows the request")
]
OWN_BLOB = Costless("it names what the caller has put there itself")


class PutBlob(Operation, frozen=True, kw_only=True, tag="blobs.put"):
    """Send bytes into the node, as `Bytes` pieces; what was cut off is continued.

    One `BlobState` says how much is there: the pieces begin at that byte. A second one says that
    all are there and have the hash. With nothing left to send there is only one.
    """

    sha256: Annotated[Sha256, OWN_BLOB]
    """Of all bytes."""
    size: Annotated[Size | None, NodeLimit("the quota of blobs of each device")] = None
    """How many there will be. None: not known before the last piece; for the node's owner only."""
    capability: Serves = ""
    """What they are for: a grant of it is what lets another device send them."""
    model: Annotated[str, msgspec.Meta(max_length=64), GrantedModel()] = ""
    """Of which model, where the grant names some."""


class BlobState(Event, frozen=True, kw_only=True, tag="blobs.state"):
    """How much of a blob is in the node."""

    there: int
    size: int
    """Of the whole blob; 0 while that is not known."""
    complete: bool = False
    """All of it, and it has the hash."""


class GetBlob(Operation, frozen=True, kw_only=True, tag="blobs.get"):
    """The bytes of a blob, or a part of them. One `BlobState`, then `BlobPiece` events in order."""

    sha256: Annotated[Sha256, OWN_BLOB]
    start: Annotated[Size, OWN_BLOB] = 0
    end: Annotated[Size | None, OWN_BLOB] = None
    """The first byte that is not wanted; None: to the end."""
    capability: Serves = ""
    """As in `PutBlob`."""


class BlobPiece(Event, frozen=True, kw_only=True, tag="blobs.piece"):
    """The next bytes, a MiB at most."""

    data: bytes


class ListBlobs(Operation, frozen=True, kw_only=True, tag="blobs.list"):
    """The blobs that the caller has in the node. One `BlobList`."""

    capability: Serves = ""
    """As in `PutBlob`."""


class BlobList(Event, frozen=True, kw_only=True, tag="blobs.listing"):
    """Whole blobs; those that are still being sent are left out."""

    blobs: list[Blob]


class ForgetBlob(Operation, frozen=True, kw_only=True, tag="blobs.forget"):
    """Delete a blob, or its partial bytes; one in use goes when it is no longer. One `Done`."""

    sha256: Annotated[Sha256, OWN_BLOB]
    capability: Serves = ""
    """As in `PutBlob`."""
