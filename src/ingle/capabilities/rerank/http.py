"""HTTP routes of reranking."""

from __future__ import annotations

from ingle.capabilities.rerank.operation import Reranked
from ingle.server import answer_ids
from ingle.server.endpoint import EndpointContext, Table
from ingle.server.exchange import Exchange
from ingle.wire import rerank


def table(floor: EndpointContext) -> Table:
    """The routes."""
    return {path: {"POST": create_rerank} for path in ("/v1/rerank", "/v2/rerank", "/rerank")}


async def create_rerank(exchange: Exchange) -> None:
    """``POST /v1/rerank``."""
    request = rerank.parse(await exchange.body())
    reranked = await exchange.ask(request.operation, Reranked)
    await exchange.reply(rerank.answer(reranked, request, identifier=answer_ids.new("rerank")))
