"""What reranking costs: tokens. The query may be evaluated with each document."""

from __future__ import annotations

from ingle.capabilities.rerank.operation import Rerank, Reranked
from ingle.operations.tokens import counted, prefixed


def most(operation: Rerank) -> float:
    """As many tokens as all pairs of query and document have bytes."""
    query = len(operation.query.encode())
    pairs = sum(query + len(text.encode()) for text in operation.documents)
    return query + pairs + prefixed(len(operation.documents) + 1)


COST = counted(Reranked, most=most)
