"""Searching vector stores for an answer, where its client offers ``file_search``."""

from __future__ import annotations

import msgspec

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.collections.asking import HOW, RULES, passage
from ingle.capabilities.collections.http.vector_store_records import file_id
from ingle.capabilities.collections.operation import (
    DocumentList,
    ListDocuments,
    SearchResult,
    SearchResults,
)
from ingle.errors import NotFound
from ingle.server.exchange import Exchange
from ingle.wire.openai import vector_stores
from ingle.wire.openai.file_search import (
    RESULTS,
    FileSearch,
    FileSearchTool,
    query_of,
    with_passages,
)
from ingle.wire.openai.responses import ResponsesRequest


async def searched(
    exchange: Exchange, request: ResponsesRequest, operation: Chat
) -> tuple[Chat, FileSearch | None]:
    """The operation with the passages that were found, and the search; None where there is none.

    Raises:
        NotFound: there is no such store.
    """
    tools = request.offer.file_searches
    query = query_of(request.turns) if tools else ""
    if not query or request.asked.tool_choice == "none":
        return operation, None
    results, told = list[SearchResult](), []
    for tool in tools:
        for result, described in await _found(exchange, tool, query):
            results.append(result)
            told.append(described)
    found = FileSearch(query, told, RESULTS in (request.asked.include or []))
    if not results:
        return operation, found
    passages = "\n".join(passage(number, each) for number, each in enumerate(results, 1))
    messages = with_passages(operation.messages, f"{RULES}\n{passages}\n\n{HOW}")
    return msgspec.structs.replace(operation, messages=messages), found


async def _found(
    exchange: Exchange, tool: FileSearchTool, query: str
) -> list[tuple[SearchResult, dict[str, object]]]:
    """The best passages of a tool's stores."""
    found = []
    for search in tool.searches(query):
        try:
            results = (await exchange.ask(search, SearchResults)).results
        except NotFound:
            raise NotFound(
                f"there is no vector store {search.collection!r}", field="tools.vector_store_ids"
            ) from None
        places = [result.place for result in results]
        listed = ListDocuments(collection=search.collection, places=places)
        documents = (await exchange.ask(listed, DocumentList)).documents if places else []
        said = {each.place: each.attributes for each in documents}
        scores = vector_stores.relative_scores(results)
        found += [
            (
                result,
                {
                    "file_id": file_id(result.place),
                    "filename": result.place.rpartition("/")[2],
                    "score": score,
                    "text": result.text,
                    "attributes": said.get(result.place, {}),
                },
                result.score,
            )
            for result, score in zip(results, scores, strict=True)
            if score >= tool.least
        ]
    found.sort(key=lambda each: -each[2])
    return [(result, told) for result, told, _ in found[: search.most]]
