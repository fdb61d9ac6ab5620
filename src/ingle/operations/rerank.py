"""Rerank: order documents by how well they answer a query."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ingle.operations.events import Usage
from ingle.operations.operation import Capability, Event, Name, Operation, Positive


class Rerank(Operation, frozen=True, kw_only=True, tag="rerank"):
    """Score each document against the query. Events: `Status`, then one `Reranked`.

    A model with a rank head scores each pair; an embedding model scores by the
    cosine of query and passage vectors.
    """

    capability = Capability.RERANK

    model: Name
    query: Annotated[str, msgspec.Meta(min_length=1)]
    documents: Annotated[list[str], msgspec.Meta(min_length=1, max_length=4096)]
    top: Positive | None = None
    context: Positive | None = None
    keep_alive: float | None = None
    on: str = ""


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """One document's place: its index in the request and its score (higher is better)."""

    index: int
    score: float


class Reranked(Event, frozen=True, kw_only=True, tag="reranked"):
    """The documents, best first."""

    model: str
    digest: str
    ranking: list[Ranked]
    usage: Usage
    where: str = "local"
