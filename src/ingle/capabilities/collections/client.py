"""Collections, from Python: ``home.search("docs", "how do I ...")``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ingle.capabilities.collections.operation import (
    AddDocuments,
    AskCollection,
    CollectionAnswer,
    CollectionInfo,
    CollectionList,
    CollectionPulled,
    ListCollections,
    PullCollection,
    RemoveCollection,
    SearchCollection,
    SearchResult,
    SearchResults,
    ShareCollection,
)
from ingle.client.methods import Methods
from ingle.errors import ProtocolError
from ingle.operations import Done
from ingle.operations.job_events import JobSummary


class CollectionMethods(Methods):
    """Methods of `AsyncHome`."""

    async def add_documents(
        self, collection: str, paths: Sequence[str | Path] = (), *, name: str = "", **options: Any
    ) -> JobSummary:
        """Have a collection hold what is in files and folders; waits until it does.

        Args:
            paths: none: look again at those that it is made of.
            name: of the job.
            options: as fields of `AddDocuments`: ``model``, ``only``, ``exclude``, ``tokens``, ...
        """
        request = AddDocuments(
            name=name or f"collection-{collection}",
            collection=collection,
            paths=[str(Path(path).expanduser().resolve()) for path in paths],
            **options,
        )
        return await self.finished(request)

    async def search(
        self, collection: str, query: str, most: int = 10, **options: Any
    ) -> list[SearchResult]:
        """The best passages of a collection, the best first.

        Args:
            options: as fields of `SearchCollection`: ``mode``, ``places``, ``kinds``, ...
        """
        request = SearchCollection(collection=collection, query=query, most=most, **options)
        return (await self.ask(request, SearchResults)).results

    async def ask_collection(
        self, collection: str, question: str, model: str = "", **options: Any
    ) -> CollectionAnswer:
        """An answer from a collection's passages; its sentences say which ones.

        Args:
            options: as fields of `AskCollection`: ``history``, ``most``, ``on``, ...
        """
        request = AskCollection(collection=collection, question=question, model=model, **options)
        answer: CollectionAnswer | None = None
        async for event in self.events(request):
            if isinstance(event, CollectionAnswer):
                answer = event
        if answer is None:
            raise ProtocolError("the answer did not come to its end")
        return answer

    async def collections(self) -> list[CollectionInfo]:
        """All collections of this node."""
        return (await self.ask(ListCollections(), CollectionList)).collections

    async def share_collection(self, collection: str, *, shared: bool = True) -> None:
        """Let paired devices copy a collection, if a grant says so; or do so no more."""
        await self.ask(ShareCollection(collection=collection, shared=shared), Done)

    async def pull_collection(self, collection: str, peer: str, name: str = "") -> CollectionPulled:
        """Copy a collection that a paired device shares, or bring the copy up to date."""
        request = PullCollection(collection=collection, peer=peer, name=name)
        return await self.ask(request, CollectionPulled)

    async def remove_collection(self, collection: str) -> None:
        """Delete a collection. The files that it was made of stay."""
        await self.ask(RemoveCollection(collection=collection), Done)
