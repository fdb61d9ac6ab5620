"""Routes of the Ollama dialect."""

from __future__ import annotations

import time
from importlib.metadata import version

from ingle.operations import (
    Chat,
    Complete,
    Done,
    Embedded,
    ListModels,
    Load,
    Loaded,
    Models,
    NodeStatus,
    Pulled,
    Shown,
    StatusReport,
    Unload,
)
from ingle.server.endpoint import Table
from ingle.server.exchange import Exchange
from ingle.wire.ollama import answer, chat, embed, generate, store
from ingle.wire.ollama.errors import NDJSON


async def create_chat(exchange: Exchange) -> None:
    """``POST /api/chat``."""
    request = chat.parse(await exchange.body())
    await _generate(exchange, request.operation, "chat", stream=request.stream)


async def create_generate(exchange: Exchange) -> None:
    """``POST /api/generate``."""
    request = generate.parse(await exchange.body())
    await _generate(exchange, request.operation, "generate", stream=request.stream)


async def create_embed(exchange: Exchange) -> None:
    """``POST /api/embed``."""
    embedded = await exchange.ask(embed.parse(await exchange.body()), Embedded)
    await exchange.reply(embed.answer(embedded, total_s=time.monotonic() - exchange.began))


async def create_embeddings(exchange: Exchange) -> None:
    """``POST /api/embeddings``."""
    embedded = await exchange.ask(embed.parse_one(await exchange.body()), Embedded)
    await exchange.reply(embed.answer_one(embedded))


async def list_tags(exchange: Exchange) -> None:
    """``GET /api/tags``."""
    await exchange.reply(store.tags((await exchange.ask(ListModels(peers=True), Models)).models))


async def show(exchange: Exchange) -> None:
    """``POST /api/show``."""
    operation = store.parse_show(await exchange.body())
    await exchange.reply(store.shown((await exchange.ask(operation, Shown)).model))


async def list_running(exchange: Exchange) -> None:
    """``GET /api/ps``."""
    status = await exchange.ask(NodeStatus(), StatusReport)
    models = (await exchange.ask(ListModels(peers=True), Models)).models
    await exchange.reply(store.running(status, models, now=time.time()))


async def pull(exchange: Exchange) -> None:
    """``POST /api/pull``. A client that leaves stops it; asked again, it resumes."""
    request = store.parse_pull(await exchange.body())
    if request.stream:
        await exchange.stream(exchange.node.perform(request.operation), store.PullStream())
    else:
        await exchange.ask(request.operation, Pulled)
        await exchange.reply(b'{"status":"success"}')


async def copy(exchange: Exchange) -> None:
    """``POST /api/copy``."""
    await exchange.ask(store.parse_copy(await exchange.body()), Done)
    await exchange.reply(b"")


async def delete(exchange: Exchange) -> None:
    """``DELETE /api/delete``."""
    await exchange.ask(store.parse_delete(await exchange.body()), Done)
    await exchange.reply(b"")


async def show_version(exchange: Exchange) -> None:
    """``GET /api/version``."""
    await exchange.reply(store.version(version("ingle")))


async def _generate(
    exchange: Exchange,
    operation: Chat | Complete | Load | Unload,
    route: answer.Route,
    *,
    stream: bool,
) -> None:
    created_at = store.timestamp(time.time())
    match operation:
        case Load(model=model):
            await exchange.ask(operation, Loaded)
            content = answer.presence(model, route=route, created_at=created_at, loaded=True)
            await exchange.reply(content, kind=NDJSON.encode() if stream else b"application/json")
        case Unload(model=model):
            await exchange.ask(operation, Done)
            content = answer.presence(model, route=route, created_at=created_at, loaded=False)
            await exchange.reply(content, kind=NDJSON.encode() if stream else b"application/json")
        case _ if stream:
            lines = answer.AnswerStream(route=route, model=operation.model, created_at=created_at)
            await exchange.stream(exchange.node.perform(operation), lines)
        case _:
            result = await exchange.fold(operation)
            await exchange.reply(answer.whole(result, route=route, created_at=created_at))


MODEL_ROUTES: Table = {
    "/api/chat": {"POST": create_chat},
    "/api/generate": {"POST": create_generate},
    "/api/embed": {"POST": create_embed},
    "/api/embeddings": {"POST": create_embeddings},
    "/api/tags": {"GET": list_tags},
    "/api/show": {"POST": show},
    "/api/version": {"GET": show_version},
}
"""What any client may ask of a model."""

OWNER_ROUTES: Table = {
    "/api/ps": {"GET": list_running},
    "/api/pull": {"POST": pull},
    "/api/copy": {"POST": copy},
    "/api/delete": {"DELETE": delete},
}
"""What only the owner may ask."""
