"""Fetching a collection from a paired device that shares it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from ingle.capabilities.blobs.operation import ForgetBlob
from ingle.capabilities.clone.operation import MOST_KNOWN, CloneCollection, CollectionCloned
from ingle.capabilities.collections.open_collections import OpenCollections
from ingle.capabilities.collections.operation import CollectionPulled, PullCollection
from ingle.collections.collection import Collection
from ingle.collections.collection_copy import take_copy
from ingle.errors import InvalidRequest, PeerNotFound, ProtocolError
from ingle.node import transfers
from ingle.node.node import ask
from ingle.node.performing import HostedNode
from ingle.operations import Done, Event, Progress
from ingle.operations.encoded import decoded
from ingle.operations.registry import of
from ingle.peers.peer_service import PeerService


async def pulled(node: HostedNode, asked: PullCollection) -> AsyncGenerator[Event, None]:
    """The events of `PullCollection`. What was pulled from the same device is brought up to date:
    only documents that are not here travel.

    Raises:
        InvalidRequest: a collection of this name was made here.
        IntegrityError: what arrived is not what was announced, or not a collection.
    """
    peer_service: PeerService | None = node.peer_service
    if peer_service is None:
        raise PeerNotFound(f"{asked.peer}: this node has no paired devices", peer=asked.peer)
    peer = peer_service.address_book.find(asked.peer)
    local, name = node.local, asked.name or asked.collection
    there: OpenCollections = local.part(OpenCollections, lambda: OpenCollections(local.state))
    origin = f"{peer.key.hex()}/{asked.collection}"
    known = there.find(name) if name in there.names() else None
    if known is not None and known.origin != origin:
        raise InvalidRequest(
            f"a collection {name} is here already, and is not that of {peer.name}",
            hint=f"ingle collection pull {asked.collection}@{peer.name} --as OTHER",
            field="name",
        )
    yield Progress(stage="resolving", name=name)
    request = CloneCollection(
        collection=asked.collection, known=_documents(known) if known is not None else []
    )
    copied: CollectionCloned | None = None
    relayed = peer_service.remote.events(peer, request, about=asked.collection)
    async with contextlib.aclosing(decoded(relayed, of(request).types)) as events:
        async for event in events:
            if isinstance(event, CollectionCloned):
                copied = event
            else:
                yield event
    if copied is None:
        raise ProtocolError("the copy did not come to its end")
    session = await peer_service.dialer.session(peer)
    # In one place for each hash, so that a pull that was cut off goes on.
    target = local.state / "incoming" / f"{copied.blob.sha256}.sqlite"
    yield Progress(stage="downloading", name=name, total=copied.blob.size)
    await transfers.fetch(session.connection, copied.blob, target, capability="clone")
    try:
        collection = known or there.made(name)
        counts = await asyncio.to_thread(take_copy, collection, target)
        await asyncio.to_thread(collection.came_from, origin)
    except BaseException:
        if known is None and name in there.names():
            there.remove(name)
        raise
    finally:
        target.unlink(missing_ok=True)
    await ask(session.connection, ForgetBlob(sha256=copied.blob.sha256, capability="clone"), Done)
    yield CollectionPulled(name=name, size=copied.blob.size, **counts)


def _documents(collection: Collection) -> list[str]:
    """SHA-256 of the documents that are here."""
    rows = collection.rows("SELECT sha256 FROM document LIMIT ?", MOST_KNOWN)
    return [row[0] for row in rows]
