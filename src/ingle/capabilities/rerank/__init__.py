"""Rerank: a query and documents in, their order out."""

from __future__ import annotations

from collections.abc import Sequence

from ingle.capabilities.rerank.cost import COST
from ingle.capabilities.rerank.operation import Rerank, Reranked
from ingle.operations import Ability
from ingle.operations.capability import Capability, Grantable, Serving, require


def _serve(_: Rerank, model: str, abilities: Sequence[str]) -> Serving:
    if Ability.RERANK in abilities:
        return Serving("rerank")
    require(Ability.EMBED, model, abilities)  # by the cosine of its vectors
    return Serving("embed")


CAPABILITY = Capability(
    name="rerank",
    summary="Order documents by how well they answer a query.",
    operations=(Rerank,),
    events=(Reranked,),
    permission=Grantable(presets=("family",)),
    cost=COST,
    serve=_serve,
    routes="ingle.capabilities.rerank.http:table",
    methods="ingle.capabilities.rerank.client:RerankMethods",
)
