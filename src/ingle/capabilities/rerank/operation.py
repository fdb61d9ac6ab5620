"""Rerank: order documents by how well they answer a query."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec

from ingle.operations.events import ModelResult, Usage
from ingle.operations.guest_rules import Costless, Estimated, GrantLimit, Overruled
from ingle.operations.operation import Count, KeepAlive, ModelOperation, Positive, PromptText


class Rerank(ModelOperation, frozen=True, kw_only=True, tag="rerank"):
    """Score each document against the query. Events: `Status`, then one `Reranked`.

    A model with a rank head scores each pair; an embedding model scores by the
    cosine of query and passage vectors.
    """

    query: Annotated[str, msgspec.Meta(min_length=1), Estimated()]
    documents: Annotated[list[str], msgspec.Meta(min_length=1, max_length=4096), Estimated()]
    top: Annotated[Positive | None, Costless("all are scored, then cut")] = None
    context: Annotated[Positive | None, GrantLimit("context")] = None
    keep_alive: Annotated[KeepAlive | None, Overruled(None)] = None
    token_limit: Annotated[Count | None, Overruled(None)] = None
    """As for a generation: tokens that are evaluated for all documents. The node sets it."""

    def prompts(self) -> Iterable[PromptText]:
        query = len(self.query.encode())
        yield PromptText("query", query)
        for position, text in enumerate(self.documents):
            yield PromptText(f"documents[{position}]", len(text.encode()))


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """One document's place: its index in the request and its score (higher is better)."""

    index: int
    score: float


class Reranked(ModelResult, frozen=True, kw_only=True, tag="reranked"):
    """The documents, best first."""

    ranking: list[Ranked]
    usage: Usage
