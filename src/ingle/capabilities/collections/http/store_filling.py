"""`StoreFilling`: files of vector stores go into their collections, one store's after the other.

What is to come is in the records, so a server that was stopped goes on when the store is next
asked for.
"""

from __future__ import annotations

import asyncio
import itertools
import logging

import msgspec
from anyio import to_thread

from ingle.capabilities.collections.http.vector_store_records import VectorStoreRecords
from ingle.capabilities.collections.operation import (
    AddDocuments,
    DocumentList,
    ListDocuments,
    MarkDocuments,
)
from ingle.errors import IngleError
from ingle.node.node import Node, ask
from ingle.operations import Done
from ingle.operations.job_events import JobEnded
from ingle.wire.openai.vector_stores import StoreFile

LOG = logging.getLogger("ingle.server.vector_stores")
TOGETHER = 200
"""Files that one job reads."""


class StoreFilling:
    """Fills stores in the background.

    Args:
        node: reads and embeds the files.
    """

    def __init__(self, node: Node, records: VectorStoreRecords) -> None:
        self._node = node
        self._records = records
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, store: str) -> None:
        """See to it that what is to come to a store does."""
        if store not in self._tasks or self._tasks[store].done():
            self._tasks[store] = asyncio.create_task(self._fill(store))

    def close(self) -> None:
        """Stop; the rest stays to come."""
        for task in self._tasks.values():
            task.cancel()

    async def _fill(self, store: str) -> None:
        while True:
            waiting = await to_thread.run_sync(self._records.store_files, store, "", "in_progress")
            if not waiting:
                return
            first = waiting[0]
            alike = (
                file for file in waiting
                if (file.tokens, file.overlap) == (first.tokens, first.overlap)
            )  # fmt: skip
            await self._add(store, list(itertools.islice(alike, TOGETHER)))

    async def _add(self, store: str, files: list[StoreFile]) -> None:
        places = {file.id: await self._place(file) for file in files}
        problems = {file: "the file is gone" for file, place in places.items() if not place}
        there = {file: place for file, place in places.items() if place}
        try:
            if there:
                problems |= await self._read(store, files, there)
        except IngleError as error:
            problems |= dict.fromkeys(there, error.message)
        except Exception as error:  # what is to come must not stay so for ever
            LOG.exception("filling %s failed", store)
            problems |= dict.fromkeys(there, f"internal error ({type(error).__name__})")
        await to_thread.run_sync(self._records.settle, store, problems)

    async def _read(
        self, store: str, files: list[StoreFile], there: dict[str, str]
    ) -> dict[str, str]:
        name = f"vector-store-{store}"[:64]
        request = AddDocuments(name=name, collection=store, paths=list(there.values()))
        if files[0].tokens:
            request = msgspec.structs.replace(
                request, tokens=files[0].tokens, overlap=files[0].overlap
            )
        await ask(self._node, request, JobEnded)
        for file in files:
            if file.attributes and file.id in there:
                marked = MarkDocuments(
                    collection=store, place=there[file.id], attributes=file.attributes
                )
                await ask(self._node, marked, Done)
        listed = ListDocuments(collection=store, places=list(there.values()))
        found = (await ask(self._node, listed, DocumentList)).documents
        problems = {each.place: each.problem for each in found}
        return {
            file: problems.get(place, "nothing could be read of it")
            for file, place in there.items()
        }

    async def _place(self, file: StoreFile) -> str:
        try:
            found = await to_thread.run_sync(self._records.file, file.id)
        except IngleError:
            return ""
        path = self._records.path(found)
        return str(path) if path.exists() else ""
