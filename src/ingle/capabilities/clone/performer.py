"""A copy of a collection, made on this node for another device."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from ingle.capabilities.clone.operation import CloneCollection, CollectionCloned
from ingle.capabilities.collections.open_collections import OpenCollections
from ingle.collections.collection_copy import write_copy
from ingle.errors import GrantRefused, NotFound
from ingle.node.performing import Caller, HostedNode
from ingle.operations import Event, operation_name


async def perform(
    node: HostedNode, asked: CloneCollection, caller: Caller
) -> AsyncGenerator[Event, None]:
    """The one event.

    Raises:
        NotFound: there is no such collection.
        GrantRefused: its owner does not share it.
        DiskFull: there is no room for the copy.
    """
    local = node.local
    there: OpenCollections = local.part(OpenCollections, lambda: OpenCollections(local.state))
    name = asked.collection
    if name not in there.names():
        raise NotFound(f"there is no collection {name!r}", collection=name)
    collection = there.find(name)
    if not caller.owns and not collection.shared:
        raise GrantRefused(
            f"the collection {name} is not shared",
            hint=f"there: ingle share --collection {name}",
            wanted=name,
        )
    with local.folders.one() as folder:
        target = folder / f"{name}.sqlite"
        count = await asyncio.to_thread(write_copy, collection, target, frozenset(asked.known))
        blob = await asyncio.to_thread(local.blobs.adopt, caller.principal, target)
    if not caller.owns:
        entry = local.ledger.begin(
            to=f"peer:{caller.peer.name}",
            operation=operation_name(asked),
            model=name,
            bytes_out=blob.size,
        )
        with local.ledger.outcome(entry):
            yield CollectionCloned(blob=blob, documents=count)
    else:
        yield CollectionCloned(blob=blob, documents=count)
