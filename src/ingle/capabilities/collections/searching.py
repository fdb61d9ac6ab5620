"""Searching a collection: the query's vector, both lists, a reranker if one is asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import msgspec
import numpy as np

from ingle.capabilities.collections.open_collections import OpenCollections
from ingle.capabilities.collections.operation import (
    DEFAULT_RERANKER,
    NO_RERANKER,
    SearchCollection,
    SearchResult,
    SearchResults,
)
from ingle.capabilities.collections.rewriting import rewritten
from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.capabilities.rerank.operation import Rerank, Reranked
from ingle.collections.chunking import embedded_text
from ingle.collections.records import Embedder, FoundPassage, TextPassage
from ingle.collections.reranking import DEPTH, blended
from ingle.collections.search import SearchFilter
from ingle.collections.vector_index import Vector
from ingle.errors import InvalidRequest
from ingle.node.performing import Caller, HostedNode
from ingle.operations.events import Usage


async def searched(
    node: HostedNode, there: OpenCollections, asked: SearchCollection, caller: Caller
) -> SearchResults:
    """The result of `SearchCollection`."""
    given = asked.query
    searcher = there.searcher(asked.collection)
    embedder = there.find(asked.collection).embedder
    reranker = reranker_of(node.local.settings.rerank_model, asked.reranker)
    if embedder is None:
        return SearchResults(results=[])
    if asked.rewrite:
        model = asked.model or node.local.settings.model
        asked = msgspec.structs.replace(
            asked, rewrite=False, query=await rewritten(node, model, "", asked.query)
        )
    began = time.perf_counter()
    vector, usage = None, Usage(prompt_tokens=0)
    if asked.mode != "words":
        vector, usage = await _vector(node, asked, embedder, caller)
    embedded = time.perf_counter()
    found = await asyncio.to_thread(
        searcher.candidates,
        asked.query,
        vector,
        max(4 * asked.most, DEPTH if reranker else 0),
        mode=asked.mode,
        wanted=SearchFilter(
            places=tuple(asked.places),
            kinds=tuple(asked.kinds),
            since_ns=round(asked.since_s * 1e9),
            until_ns=round(asked.until_s * 1e9),
            tags=tuple(asked.tags),
            where=asked.where,
        ),
    )
    looked = time.perf_counter()
    if reranker and found:
        found = await _reranked(node, asked.query, found, reranker, caller)
    ranked = time.perf_counter()
    found = await asyncio.to_thread(
        searcher.selected,
        found,
        asked.most,
        per_document=asked.per_document,
        diverse=asked.diverse,
    )
    return SearchResults(
        results=[result_of(each) for each in found],
        model=embedder.model,
        usage=usage,
        reranker=reranker,
        embed_s=round(embedded - began, 6),
        search_s=round(looked - embedded + time.perf_counter() - ranked, 6),
        rerank_s=round(ranked - looked, 6),
        query="" if asked.query == given else asked.query,
    )


def reranker_of(setting: str, asked: str) -> str:
    """The reranker's name; empty: none.

    Args:
        setting: the model that is used where none is named.

    Raises:
        InvalidRequest: the default is asked for, and there is none.
    """
    if asked == NO_RERANKER:
        return ""
    if asked == DEFAULT_RERANKER and not setting:
        raise InvalidRequest(
            "no reranker is set",
            hint="ingle config set rerank_model MODEL, or name one: --rerank MODEL",
            field="reranker",
        )
    return setting if asked in ("", DEFAULT_RERANKER) else asked


async def _vector(
    node: HostedNode, asked: SearchCollection, embedder: Embedder, caller: Caller
) -> tuple[Vector | None, Usage]:
    request = Embed(model=embedder.model, inputs=[asked.query], kind="query")
    vector, usage = None, Usage(prompt_tokens=0)
    async with node.local.perform_for(caller.principal, request) as events:
        async for event in events:
            if isinstance(event, Embedded):
                if event.digest != embedder.digest:
                    raise InvalidRequest(
                        f"{embedder.model} is another model than the one that made the "
                        f"vectors of {asked.collection}",
                        hint=f"ingle pull {embedder.model}",
                        field="collection",
                    )
                vector, usage = np.frombuffer(event.data, "<f4"), event.usage
    return vector, usage


async def _reranked(
    node: HostedNode, query: str, found: Sequence[FoundPassage], model: str, caller: Caller
) -> list[FoundPassage]:
    """The first of them in the order that a reranker and the search have together."""
    head, tail = found[:DEPTH], found[DEPTH:]
    documents = [embedded_text(TextPassage(text=f.text, headings=f.headings)) for f in head]
    request = Rerank(model=model, query=query, documents=documents)
    scores = [0.0] * len(head)
    async with node.local.perform_for(caller.principal, request) as events:
        async for event in events:
            if isinstance(event, Reranked):
                for each in event.ranking:
                    scores[each.index] = each.score
    return [
        *(msgspec.structs.replace(head[at], score=score) for at, score in blended(scores)),
        *tail,
    ]


def result_of(found: FoundPassage) -> SearchResult:
    """A passage as it is sent."""
    return SearchResult(
        place=found.place,
        text=found.text,
        score=round(found.score, 6),
        title=found.title,
        headings=list(found.headings),
        page=found.page,
        start=found.start,
        end=found.end,
        document=found.document,
    )
