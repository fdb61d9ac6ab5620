"""The store's operations, performed on this node."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, aclosing, nullcontext
from pathlib import Path

import msgspec

from ingle.capabilities.store.offers import offered, recommendations, room_here
from ingle.capabilities.store.operation import (
    CopyModel,
    Created,
    CreateModel,
    DiskUse,
    FindFile,
    FitModel,
    FitReport,
    ListModels,
    Models,
    ModelSummary,
    OfferModel,
    Prune,
    Pruned,
    Pull,
    Pulled,
    RecommendModels,
    RemoveModel,
    ShowModel,
    Shown,
    VerifyStore,
)
from ingle.errors import ModelNotFound, NetworkError, Unauthorized
from ingle.models import digest as digests
from ingle.models.creation import ModelCreation
from ingle.models.pull import TICK_S, pull
from ingle.models.remote import facts_of
from ingle.models.sources import CacheSource, HttpSource, HubSource, parse_source
from ingle.models.threads import in_thread
from ingle.models.verification import Verification, stored_files
from ingle.node.damaged_weights import unloaded
from ingle.node.ledger import ReceivedBytes
from ingle.node.performing import Caller, HostedNode, Services
from ingle.node.routes import named_adapters
from ingle.operations import Done, Event, Operation, Progress
from ingle.peers.peer_service import PeerService


async def perform(
    node: HostedNode, operation: Operation, caller: Caller
) -> AsyncGenerator[Event, None]:
    """The events of an operation about models."""
    store = node.local.store
    match operation:
        case ListModels(peers=peers):
            models = await asyncio.to_thread(store.models)
            yield Models(models=[*models, *(_of_peers(node.peer_service) if peers else [])])
        case ShowModel(model=name):
            yield Shown(model=await asyncio.to_thread(store.details, name))
        case FitModel():
            for report in await _fit(node.local, operation):
                yield report
        case Pull():
            async with aclosing(_pull(node, operation)) as events:
                async for event in events:
                    yield event
        case OfferModel(model=name):
            yield await offered(node.local, name)
        case RecommendModels(purpose=purpose, family=family):
            yield recommendations(await room_here(node.local), purpose, family)
        case CreateModel():
            async with aclosing(_create(node, operation, caller)) as events:
                async for event in events:
                    yield event
        case FindFile(sha256=sha256):
            path = await asyncio.to_thread(_file_of, node.local, caller, sha256)
            yield Done(message=f"{path.stat().st_size} bytes")
        case CopyModel(model=name, to=to):
            model = await asyncio.to_thread(store.copy, name, to)
            yield Done(message=f"{model.name} is {model.digest}")
        case RemoveModel(model=name):
            message = await asyncio.to_thread(store.remove, name)
            await asyncio.to_thread(_forget_prompts, node)
            yield Done(message=message)
            await refresh_shares(node)
        case DiskUse():
            usage = await asyncio.to_thread(store.disk_usage)
            kept = await asyncio.to_thread(lambda: node.local.prompts.cache.size)
            yield msgspec.structs.replace(usage, prompts=kept)
        case Prune(partials=partials, dry_run=dry_run):
            pruned = await asyncio.to_thread(store.prune, partials, dry_run)
            clear = node.local.prompts.cache.clear
            cleared = await asyncio.to_thread(clear, dry_run=dry_run)
            yield Pruned(
                files=[*pruned.files, *(str(entry.path) for entry in cleared)],
                bytes=pruned.bytes + sum(entry.size for entry in cleared),
            )
        case VerifyStore(model=name):
            async with aclosing(_verify(node, name)) as verifying:
                async for event in verifying:
                    yield event


def _forget_prompts(node: HostedNode) -> None:
    """What was read by models that are not here any more goes with them."""
    local = node.local
    local.prompts.cache.clear([model.digest for model in local.store.models()])


async def _verify(node: HostedNode, name: str) -> AsyncGenerator[Event, None]:
    local = node.local
    verification = Verification(
        local.store, await asyncio.to_thread(stored_files, local.store, name)
    )
    task = asyncio.ensure_future(in_thread(verification.run))
    try:
        while not task.done():
            await asyncio.wait([task], timeout=TICK_S)
            yield Progress(
                stage="verifying",
                name=name or "all models",
                completed=verification.completed,
                total=verification.total,
            )
        found = task.result()
    finally:
        verification.stop()
        await asyncio.gather(task, return_exceptions=True)
    damaged = [await unloaded(local.scheduler, file) for file in found.damaged]
    if damaged:
        await refresh_shares(node)
    yield msgspec.structs.replace(found, damaged=damaged)


async def _create(
    node: HostedNode, operation: CreateModel, caller: Caller
) -> AsyncGenerator[Event, None]:
    local = node.local
    sources = (*operation.files, *operation.adapters)
    hashes = [source.sha256 for source in sources if source.sha256]

    yield Progress(stage="reading", name=operation.base or operation.files[0].name)
    if operation.base:
        try:
            await asyncio.to_thread(local.store.resolve, operation.base)
        except ModelNotFound:
            async with aclosing(_pull(node, Pull(model=operation.base))) as events:
                async for event in events:
                    if isinstance(event, Pulled):
                        base = event.model.name
                        operation = msgspec.structs.replace(operation, base=base)
                    else:
                        yield event
    find = functools.partial(_file_of, local, caller)
    creation = ModelCreation(local.store, local.adapters, operation, find)
    model, notes = await in_thread(creation.run)
    for sha256 in hashes:  # the store has the bytes now
        local.blobs.forget(caller.principal, sha256)
    yield Created(model=model.summary(), digests=[file.digest for file in model.files], notes=notes)
    await refresh_shares(node)


def _file_of(local: Services, caller: Caller, sha256: str) -> Path:
    """Where the bytes with a hash lie. Raises NotFound."""
    file = local.store.blobs.path(f"{digests.PREFIX}{sha256}")
    return file if file.is_file() else local.blobs.path(caller.principal, sha256)


async def refresh_shares(node: HostedNode) -> None:
    """Something was removed: what is shared may be gone."""
    if node.peer_service is not None and node.peer_service.shares_exist:
        await node.peer_service.sharing.refresh()


def _of_peers(peer_service: PeerService | None) -> list[ModelSummary]:
    """Models that paired devices offered when they were last heard, as ``NAME@PEER``."""
    if peer_service is None:
        return []
    return [
        ModelSummary(name=f"{model}@{peer.name}", digest="", size=0, source=f"peer:{peer.name}")
        for peer in peer_service.address_book.peers()
        for model in peer.models
    ]


async def _fit(local: Services, operation: FitModel) -> list[FitReport]:
    name, adapters = named_adapters(operation.model)
    known = await facts_of(
        local.store,
        name,
        egress=local.settings.egress,
        hub=local.settings.hub,
        translations=local.settings.translation_catalogue,
        room=await room_here(local),
        folders=local.folders,
    )
    return local.slot_requests.fit(
        known,
        adapters,
        context=operation.context,
        slots=operation.slots,
        devices=await local.devices.found(),
        bandwidth=local.speeds.of,
    )


async def _pull(node: HostedNode, operation: Pull) -> AsyncGenerator[Event, None]:
    """From a peer, if one is named; from where the name says; else from any peer."""
    peer_service: PeerService | None = node.peer_service
    found: AsyncGenerator[Event, None] = (
        _from_source(node.local, operation)
        if peer_service is None
        else _with_peers(node.local, peer_service, operation)
    )
    named = {model.name: model.digest for model in node.local.store.models()}
    async with aclosing(found) as events:
        async for event in events:
            if isinstance(event, Pulled):
                before = named.get(event.model.name, event.model.digest)
                if before != event.model.digest:
                    event = msgspec.structs.replace(event, replaced=before)
            yield event


async def _with_peers(
    local: Services, peer_service: PeerService, operation: Pull
) -> AsyncGenerator[Event, None]:
    pulls = peer_service.pulls
    name, at, place = operation.model.rpartition("@")
    if at and not operation.source and not place.startswith("sha256:"):
        async for event in pulls.named(name, place):
            yield event
        return
    known = operation.sha256 and isinstance(parse_source(operation), HttpSource)
    holders = await pulls.beside(operation) if known and peer_service.address_book.peers() else []
    if holders:
        async for event in pulls.fetch_beside(operation, holders):
            yield event
        return
    source = parse_source(operation)
    peers = peer_service.address_book.peers()
    by_name = isinstance(source, CacheSource) and not operation.source and bool(peers)
    # What a peer has under the name goes before what strangers have.
    near = by_name and any(operation.model in peer.models for peer in peers)
    if not (near and isinstance(source, CacheSource) and not source.here(local.store)):
        try:
            async with aclosing(_from_source(local, operation)) as fetched:
                async for told in fetched:
                    yield told
        except (ModelNotFound, NetworkError, Unauthorized):
            if not by_name:
                raise
        else:
            return
    async for event in pulls.anywhere(operation.model):
        yield event


async def _from_source(local: Services, operation: Pull) -> AsyncGenerator[Progress | Pulled, None]:
    with _noted(local, operation) as told:
        fetching = pull(
            local.store,
            operation,
            egress=local.settings.egress,
            hub=local.settings.hub,
            translations=local.settings.translation_catalogue,
            room=await room_here(local),
        )
        async with aclosing(fetching) as events:
            async for event in events:
                if isinstance(event, Progress) and event.stage == "downloading":
                    told.bytes_in = max(told.bytes_in, event.completed)
                yield event


def _noted(local: Services, operation: Pull) -> AbstractContextManager[ReceivedBytes]:
    """The ledger's entry of a pull; a copy from this disk leaves no trace there."""
    source = parse_source(operation)
    if isinstance(source, CacheSource):
        source = source if source.here(local.store) else source.elsewhere or source
    if not isinstance(source, (HttpSource, HubSource)):
        return nullcontext(ReceivedBytes())
    entry = local.ledger.begin(
        to=operation.source or operation.model,
        operation="pull",
        model=operation.model,
        bytes_out=0,
    )
    return local.ledger.outcome(entry)
