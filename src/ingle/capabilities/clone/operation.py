"""What a device asks of another for a copy of a collection."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ingle.capabilities.collections.operation import CollectionName
from ingle.operations.blob import Blob
from ingle.operations.guest_rules import Costless, GrantedCollection
from ingle.operations.operation import Event, Operation

MOST_KNOWN = 250_000


class CloneCollection(Operation, frozen=True, kw_only=True, tag="clone"):
    """Make a copy of a shared collection as it is now, as a blob of the caller. One
    `CollectionCloned`."""

    collection: Annotated[CollectionName, GrantedCollection()]
    known: Annotated[
        list[str], msgspec.Meta(max_length=MOST_KNOWN), Costless("the copy is smaller for it")
    ] = []
    """SHA-256 of documents that the caller has: their passages are left out."""


class CollectionCloned(Event, frozen=True, kw_only=True, tag="clone.made"):
    """The copy is there to be fetched (`GetBlob`), and then forgotten."""

    blob: Blob
    documents: int
