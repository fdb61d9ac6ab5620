"""``POST /v1/rerank``, as Jina, Cohere (v1, v2) and llama.cpp's server have it."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from ingle.capabilities.rerank.operation import Rerank, Reranked
from ingle.wire.body import Body, decode, renamed
from ingle.wire.duration import seconds
from ingle.wire.sse import encode


class RerankDocument(msgspec.Struct, kw_only=True):
    """Jina also takes documents as objects."""

    text: str


class RerankBody(Body, kw_only=True):
    """The fields of the route; ``context``, ``keep_alive`` and ``on`` are ours."""

    model: str
    query: str
    documents: list[str | RerankDocument]
    top_n: int | None = None
    return_documents: bool | None = None
    context: int | None = None
    keep_alive: float | str | None = None
    on: str | None = None


class RerankRequest(NamedTuple):
    """What the client asked: an operation, and whether to repeat the texts."""

    operation: Rerank
    return_documents: bool


def parse(body: bytes) -> RerankRequest:
    """Read the body.

    Raises:
        InvalidRequest: a bad field.
    """
    asked = decode(body, RerankBody)
    with renamed({"top": "top_n"}):
        operation = Rerank(
            model=asked.model,
            query=asked.query,
            documents=[item if isinstance(item, str) else item.text for item in asked.documents],
            top=asked.top_n,
            context=asked.context,
            keep_alive=seconds(asked.keep_alive),
            on=asked.on or "",
        )
    return RerankRequest(operation, bool(asked.return_documents))


def answer(reranked: Reranked, request: RerankRequest, *, identifier: str) -> bytes:
    """The ranking, best first; ``usage`` for Jina's clients, ``id`` and ``meta`` for Cohere's."""
    results: list[dict[str, Any]] = []
    for place in reranked.ranking:
        found: dict[str, Any] = {"index": place.index, "relevance_score": place.score}
        if request.return_documents:
            found["document"] = {"text": request.operation.documents[place.index]}
        results.append(found)
    tokens = reranked.usage.prompt_tokens
    return encode(
        {
            "id": identifier,
            "object": "list",
            "model": reranked.model,
            "results": results,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            "meta": {"billed_units": {"search_units": 0}, "tokens": {"input_tokens": tokens}},
            "ingle": {"where": reranked.where, "digest": reranked.digest},
        }
    )
