"""The operations of collections, performed on this node."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from ingle.capabilities.collections.asking import Reader, answered
from ingle.capabilities.collections.document_lists import listed, text
from ingle.capabilities.collections.ingest_job import KIND
from ingle.capabilities.collections.open_collections import OpenCollections
from ingle.capabilities.collections.operation import (
    AddDocuments,
    AskCollection,
    CollectionInfo,
    CollectionList,
    DocumentSkipped,
    ListCollections,
    ListDocuments,
    MakeCollection,
    MarkDocuments,
    PullCollection,
    ReadDocument,
    RemoveCollection,
    RemoveDocuments,
    SearchCollection,
    SearchResults,
    ShareCollection,
)
from ingle.capabilities.collections.pulling import pulled
from ingle.capabilities.collections.searching import searched
from ingle.capabilities.collections.whole_reading import PartNotes
from ingle.capabilities.jobs.starting import started
from ingle.collections.collection import Collection
from ingle.errors import InvalidRequest, NotFound, StorageError
from ingle.jobs.jobs import Jobs
from ingle.node.performing import Caller, HostedNode
from ingle.operations import Done, Event, Operation


async def perform(
    node: HostedNode, operation: Operation, caller: Caller
) -> AsyncGenerator[Event, None]:
    """One of the declaration's operations."""
    local = node.local
    there: OpenCollections = local.part(OpenCollections, lambda: OpenCollections(local.state))
    match operation:
        case AddDocuments():
            _forget_ended(local.part(Jobs, lambda: Jobs(local, local.state)), operation)
            async with contextlib.aclosing(started(node, KIND, operation, caller)) as events:
                async for event in events:
                    yield event
        case ListCollections(collection=name):
            yield await asyncio.to_thread(_listed, there, name)
        case RemoveCollection(collection=name):
            _check_idle(local.part(Jobs, lambda: Jobs(local, local.state)), name)
            await asyncio.to_thread(there.remove, name)
            yield Done(message=f"removed {name}")
        case ShareCollection(collection=name, shared=shared):
            await asyncio.to_thread(there.find(name).share, shared)
            yield Done(message=f"{name} is {'shared' if shared else 'no longer shared'}")
        case PullCollection():
            async with contextlib.aclosing(pulled(node, operation)) as events:
                async for event in events:
                    yield event
        case MakeCollection(collection=made):
            await asyncio.to_thread(there.made, made)
            yield Done(message=f"made {made}")
        case ListDocuments():
            yield await asyncio.to_thread(listed, there.find(operation.collection), operation)
        case ReadDocument():
            yield await asyncio.to_thread(text, there.find(operation.collection), operation)
        case MarkDocuments():
            collection = there.find(operation.collection)
            await asyncio.to_thread(collection.mark, operation.place, operation.attributes)
            yield Done(message=f"marked {operation.place}")
        case RemoveDocuments():
            collection = there.find(operation.collection)
            await asyncio.to_thread(collection.leave, operation.places)
            yield Done(message=f"removed {len(operation.places)} files")
        case SearchCollection():
            yield await searched(node, there, operation, caller)
        case AskCollection():

            async def search(asked: SearchCollection) -> SearchResults:
                return await searched(node, there, asked, caller)

            collection = await asyncio.to_thread(there.find, operation.collection)
            notes: PartNotes = local.part(PartNotes, PartNotes)
            reader = Reader(node, collection, search, notes, caller.owns)
            async with contextlib.aclosing(answered(reader, operation)) as events:
                async for event in events:
                    yield event


def _listed(there: OpenCollections, name: str | None) -> CollectionList:
    names = there.names() if name is None else [name]
    if name is None:
        infos = [_info_or_problem(there, each) for each in names]
    else:
        infos = [_info(name, there.find(name))]
    skipped = list[DocumentSkipped]()
    if name is not None:
        skipped = [
            DocumentSkipped(place=source.place, problem=source.problem)
            for source in there.find(name).sources().values()
            if source.problem
        ]
    return CollectionList(collections=infos, skipped=skipped)


def _info_or_problem(there: OpenCollections, name: str) -> CollectionInfo:
    """One that cannot be opened does not hide the others."""
    try:
        return _info(name, there.find(name))
    except StorageError as error:
        return CollectionInfo(name=name, problem=error.message)


def _info(name: str, collection: Collection) -> CollectionInfo:
    counts, embedder = collection.counts(), collection.embedder
    return CollectionInfo(
        name=name,
        model=embedder.model if embedder else "",
        documents=counts["documents"],
        passages=counts["passages"],
        problems=counts["problems"],
        size=collection.path.stat().st_size,
        roots=collection.roots,
        shared=collection.shared,
    )


def _forget_ended(jobs: Jobs, asked: AddDocuments) -> None:
    """A job of this name that has ended makes room: all that it did is in its collection."""
    if asked.resume:
        return
    with contextlib.suppress(NotFound, InvalidRequest):
        jobs.find(asked.name, KIND)
        jobs.remove(asked.name, kind=KIND)


def _check_idle(jobs: Jobs, name: str) -> None:
    """Raises InvalidRequest: a job is adding to it."""
    for job in jobs.all(KIND):
        with contextlib.suppress(NotFound, InvalidRequest):
            running = jobs.running(job.name, KIND)
            if getattr(running.request, "collection", None) == name:
                raise InvalidRequest(
                    f"documents are being added to {name}",
                    hint=f"ingle jobs stop {job.name}",
                    field="collection",
                )
