"""``/v1/vector_stores``: bodies and answers (API reference, "Vector stores").

A vector store is a collection, by its name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from ingle.capabilities.collections.operation import (
    AttributeFilter,
    AttributeValue,
    SearchCollection,
    SearchResult,
)
from ingle.errors import InvalidRequest, NotFound
from ingle.wire.body import Body, decode
from ingle.wire.openai.conversations import Metadata

MOST_FILES = 2000
"""Of one request."""
MOST_SEARCHED = 50
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

StoreAttributes = Annotated[
    dict[Annotated[str, msgspec.Meta(max_length=64)], AttributeValue],
    msgspec.Meta(max_length=16),
]
FileStatus = Literal["in_progress", "completed", "cancelled", "failed"]
STATUSES: tuple[FileStatus, ...] = ("in_progress", "completed", "cancelled", "failed")


class StaticChunking(msgspec.Struct, kw_only=True):
    max_chunk_size_tokens: Annotated[int, msgspec.Meta(ge=100, le=4096)]
    chunk_overlap_tokens: Annotated[int, msgspec.Meta(ge=0, le=2048)]


class ChunkingBody(msgspec.Struct, kw_only=True):
    type: Literal["auto", "static"] = "auto"
    static: StaticChunking | None = None


class StoreBody(Body, kw_only=True):
    """A new store, or changes of one. It does not expire: ``expires_after`` is passed over."""

    name: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    description: Annotated[str, msgspec.Meta(max_length=512)] | None = None
    metadata: Metadata | None = None
    file_ids: Annotated[list[str], msgspec.Meta(max_length=MOST_FILES)] | None = None
    chunking_strategy: ChunkingBody | None = None


class StoreFileBody(Body, kw_only=True):
    """A file for a store."""

    file_id: str
    attributes: StoreAttributes | None = None
    chunking_strategy: ChunkingBody | None = None


class BatchBody(Body, kw_only=True):
    """Several files for a store."""

    file_ids: Annotated[list[str], msgspec.Meta(max_length=MOST_FILES)] | None = None
    files: Annotated[list[StoreFileBody], msgspec.Meta(max_length=MOST_FILES)] | None = None
    attributes: StoreAttributes | None = None
    chunking_strategy: ChunkingBody | None = None

    def added(self) -> list[StoreFileBody]:
        """Each of them."""
        same = {"attributes": self.attributes, "chunking_strategy": self.chunking_strategy}
        found = [StoreFileBody(file_id=each, **same) for each in self.file_ids or []]  # type: ignore[arg-type]
        found += self.files or []
        if not found:
            raise InvalidRequest("file_ids: give at least one file", field="file_ids")
        return found


class AttributesBody(Body, kw_only=True):
    attributes: StoreAttributes


class RankingBody(msgspec.Struct, kw_only=True):
    score_threshold: float | None = None


class StoreSearchBody(Body, kw_only=True):
    """A search. Its query is taken as it is: ``rewrite_query`` is passed over."""

    query: str | list[str]
    filters: AttributeFilter | None = None
    max_num_results: Annotated[int, msgspec.Meta(ge=1, le=MOST_SEARCHED)] = 10
    ranking_options: RankingBody | None = None


class StoreRecord(NamedTuple):
    """What is known of a store beside its documents."""

    id: str
    name: str = ""
    description: str | None = None
    created: int = 0
    metadata: dict[str, str] = {}


class StoreFile(NamedTuple):
    """A file of a store, and how far it is."""

    store: str
    id: str
    created: int
    size: int
    status: FileStatus
    problem: str
    attributes: dict[str, Any]
    tokens: int = 0
    """Of a passage; 0: as the node has it."""
    overlap: int = 0


def collection_name(store: str, field: str = "vector_store_id") -> str:
    """The collection that a store is.

    Raises:
        NotFound: no store has such an id.
    """
    if not _NAME.fullmatch(store):
        raise NotFound(f"there is no vector store {store!r}", field=field)
    return store


def chunking(body: ChunkingBody | None) -> tuple[int, int]:
    """Tokens and overlap of passages; zeros where the node decides.

    Raises:
        InvalidRequest: an overlap of more than half a passage.
    """
    if body is None or body.static is None:
        return 0, 0
    size, overlap = body.static.max_chunk_size_tokens, body.static.chunk_overlap_tokens
    if 2 * overlap > size:
        raise InvalidRequest(
            "chunking_strategy: the overlap is more than half of a chunk",
            field="chunking_strategy.static.chunk_overlap_tokens",
        )
    return size, overlap


def parse_search(store: str, body: bytes) -> tuple[SearchCollection, float, str | list[str]]:
    """Read a search: the operation, the least score, and the query as it was sent.

    Raises:
        InvalidRequest: a bad field.
    """
    asked = decode(body, StoreSearchBody)
    query = asked.query if isinstance(asked.query, str) else "\n".join(asked.query)
    if not query.strip() or len(query) > 100_000:
        raise InvalidRequest("query: 1 to 100,000 characters", field="query")
    least = asked.ranking_options.score_threshold if asked.ranking_options else None
    operation = SearchCollection(
        collection=collection_name(store),
        query=query,
        most=asked.max_num_results,
        where=asked.filters,
    )
    return operation, least or 0.0, asked.query


def store_object(
    record: StoreRecord, files: Sequence[StoreFile], usage_bytes: int, active: int
) -> dict[str, Any]:
    """A store."""
    counts = file_counts(files)
    return {
        "id": record.id,
        "object": "vector_store",
        "created_at": record.created,
        "name": record.name,
        "description": record.description,
        "usage_bytes": usage_bytes,
        "file_counts": counts,
        "status": "in_progress" if counts["in_progress"] else "completed",
        "expires_after": None,
        "expires_at": None,
        "last_active_at": active,
        "metadata": record.metadata,
    }


def file_counts(files: Sequence[StoreFile]) -> dict[str, int]:
    """How many files are how far."""
    counts: dict[str, int] = {
        status: sum(file.status == status for file in files) for status in STATUSES
    }
    return {**counts, "total": len(files)}


def store_file_object(file: StoreFile) -> dict[str, Any]:
    """A file of a store."""
    chunks = {"max_chunk_size_tokens": file.tokens, "chunk_overlap_tokens": file.overlap}
    failed = file.status == "failed"
    return {
        "id": file.id,
        "object": "vector_store.file",
        "created_at": file.created,
        "vector_store_id": file.store,
        "usage_bytes": file.size,
        "status": file.status,
        "last_error": {"code": "invalid_file", "message": file.problem} if failed else None,
        "attributes": file.attributes,
        "chunking_strategy": (
            {"type": "static", "static": chunks} if file.tokens else {"type": "other"}
        ),
    }


def batch_object(
    identifier: str, store: str, created: int, files: Sequence[StoreFile]
) -> dict[str, Any]:
    """A batch of files."""
    counts = file_counts(files)
    status = "in_progress" if counts["in_progress"] else "completed"
    if not counts["in_progress"] and counts["cancelled"]:
        status = "cancelled"
    return {
        "id": identifier,
        "object": "vector_store.file_batch",
        "created_at": created,
        "vector_store_id": store,
        "status": status,
        "file_counts": counts,
    }


def search_page(query: str | list[str], results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What a search has found; all of it is on one page."""
    return {
        "object": "vector_store.search_results.page",
        "search_query": [query] if isinstance(query, str) else query,
        "data": list(results),
        "has_more": False,
        "next_page": None,
    }


def search_result(
    result: SearchResult, file_id: str, attributes: dict[str, Any], score: float
) -> dict[str, Any]:
    """A passage that was found."""
    return {
        "file_id": file_id,
        "filename": result.place.rpartition("/")[2],
        "score": score,
        "attributes": attributes,
        "content": [{"type": "text", "text": result.text}],
    }


def relative_scores(results: Sequence[SearchResult]) -> list[float]:
    """Scores between 0 and 1, of which the best has 1: those of a search say nothing beyond it."""
    best = max((result.score for result in results), default=0.0)
    return [round(result.score / best, 6) if best > 0 else 0.0 for result in results]
