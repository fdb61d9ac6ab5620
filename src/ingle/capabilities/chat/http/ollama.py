"""Chat and generate in the Ollama dialect."""

from __future__ import annotations

import time

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.node.operation import Load, Loaded, Unload
from ingle.operations import Done
from ingle.server.endpoint import Table
from ingle.server.exchange import Exchange
from ingle.server.trained_context import within_trained
from ingle.wire.ollama import answer_stream, generate, model_requests, ollama_chat
from ingle.wire.ollama.errors import NDJSON


async def create_chat(exchange: Exchange) -> None:
    """``POST /api/chat``."""
    request = ollama_chat.parse(await exchange.body())
    await _generate(exchange, request.operation, "chat", stream=request.stream)


async def create_generate(exchange: Exchange) -> None:
    """``POST /api/generate``."""
    request = generate.parse(await exchange.body())
    await _generate(exchange, request.operation, "generate", stream=request.stream)


async def _generate(
    exchange: Exchange,
    operation: Chat | Complete | Load | Unload,
    route: answer_stream.Route,
    *,
    stream: bool,
) -> None:
    node = exchange.node
    match operation:
        case Load(model=model):
            await within_trained(exchange, operation, lambda load: exchange.ask(load, Loaded))
            content = answer_stream.presence(model, route=route, created_at=_now(), loaded=True)
            await exchange.reply(content, kind=NDJSON.encode() if stream else b"application/json")
        case Unload(model=model):
            await exchange.ask(operation, Done)
            content = answer_stream.presence(model, route=route, created_at=_now(), loaded=False)
            await exchange.reply(content, kind=NDJSON.encode() if stream else b"application/json")
        case _ if stream:
            lines = answer_stream.AnswerStream(route=route, model=operation.model, now=_now)
            await within_trained(
                exchange, operation, lambda chosen: exchange.stream(node.perform(chosen), lines)
            )
        case _:
            result = await within_trained(exchange, operation, exchange.fold)
            content = answer_stream.whole(
                result, route=route, model=operation.model, created_at=_now()
            )
            await exchange.reply(content)


def _now() -> str:
    return model_requests.timestamp(time.time())


ROUTES: Table = {
    "/api/chat": {"POST": create_chat},
    "/api/generate": {"POST": create_generate},
}
