"""Rerank: order documents by how well they answer a query."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ingle.operations.events import ModelResult, Usage
from ingle.operations.operation import KeepAlive, ModelOperation, Positive


class Rerank(ModelOperation, frozen=True, kw_only=True, tag="rerank"):
    """Score each document against the query. Events: `Status`, then one `Reranked`.

    A model with a rank head scores each pair; an embedding model scores by the
    cosine of query and passage vectors.
    """

    query: Annotated[str, msgspec.Meta(min_length=1)]
    documents: Annotated[list[str], msgspec.Meta(min_length=1, max_length=4096)]
    top: Positive | None = None
    context: Positive | None = None
    keep_alive: KeepAlive | None = None


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """One document's place: its index in the request and its score (higher is better)."""

    index: int
    score: float


class Reranked(ModelResult, frozen=True, kw_only=True, tag="reranked"):
    """The documents, best first."""

    ranking: list[Ranked]
    usage: Usage
