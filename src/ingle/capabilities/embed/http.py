"""HTTP routes of embeddings."""

from __future__ import annotations

import time

from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.capabilities.node.operation import Load, Loaded, Unload
from ingle.operations import Done
from ingle.server.endpoint import EndpointContext, Table
from ingle.server.exchange import Exchange
from ingle.server.trained_context import within_trained
from ingle.wire.ollama import embed
from ingle.wire.openai import embeddings


def table(floor: EndpointContext) -> Table:
    """The routes."""
    return {
        "/v1/embeddings": {"POST": create},
        "/api/embed": {"POST": create_for_ollama},
        "/api/embeddings": {"POST": create_one_for_ollama},
    }


async def create(exchange: Exchange) -> None:
    """``POST /v1/embeddings``."""
    request = embeddings.parse(await exchange.body())
    embedded = await exchange.ask(request.operation, Embedded)
    await exchange.reply(embeddings.answer(embedded, as_base64=request.base64))


async def create_for_ollama(exchange: Exchange) -> None:
    """``POST /api/embed``."""
    operation = embed.parse(await exchange.body())
    embedded = await _embedded(exchange, operation)
    total_s = time.monotonic() - exchange.began
    await exchange.reply(embed.answer(embedded, model=operation.model, total_s=total_s))


async def create_one_for_ollama(exchange: Exchange) -> None:
    """``POST /api/embeddings``."""
    operation = embed.parse_one(await exchange.body())
    await exchange.reply(embed.answer_one(await _embedded(exchange, operation)))


async def _embedded(exchange: Exchange, operation: Embed | Load | Unload) -> Embedded | None:
    match operation:
        case Embed():
            return await within_trained(
                exchange, operation, lambda chosen: exchange.ask(chosen, Embedded)
            )
        case Load():
            await within_trained(exchange, operation, lambda load: exchange.ask(load, Loaded))
        case Unload():
            await exchange.ask(operation, Done)
    return None
