"""Routes of the OpenAI dialect."""

from __future__ import annotations

import time

from ingle.operations import Embedded, ListModels, Models, ShowModel, Shown
from ingle.server import identity
from ingle.server.endpoint import Table
from ingle.server.exchange import Exchange
from ingle.wire.openai import chat, chat_answer, embeddings, models


async def chat_completions(exchange: Exchange) -> None:
    """``POST /v1/chat/completions``."""
    request = chat.parse(await exchange.body())
    identifier, created = identity.new("chatcmpl"), int(time.time())
    if request.stream:
        stream = chat_answer.ChatStream(
            identifier=identifier,
            created=created,
            model=request.operation.model,
            include_usage=request.include_usage,
        )
        await exchange.stream(exchange.node.perform(request.operation), stream)
    else:
        result = await exchange.fold(request.operation)
        await exchange.reply(chat_answer.completion(result, identifier=identifier, created=created))


async def create_embeddings(exchange: Exchange) -> None:
    """``POST /v1/embeddings``."""
    request = embeddings.parse(await exchange.body())
    embedded = await exchange.ask(request.operation, Embedded)
    await exchange.reply(embeddings.answer(embedded, as_base64=request.base64))


async def list_models(exchange: Exchange) -> None:
    """``GET /v1/models``."""
    found = await exchange.ask(ListModels(), Models)
    await exchange.reply(models.listing(found.models))


async def retrieve_model(exchange: Exchange) -> None:
    """``GET /v1/models/{id}``; names may hold slashes and colons."""
    name = exchange.params["name"]
    shown = await exchange.ask(ShowModel(model=name), Shown)
    await exchange.reply(models.one(shown.model, name=name))


MODEL_ROUTES: Table = {
    "/v1/chat/completions": {"POST": chat_completions},
    "/v1/embeddings": {"POST": create_embeddings},
    "/v1/models": {"GET": list_models},
    "/v1/models/{name:path}": {"GET": retrieve_model},
}
"""What any client may ask of a model."""
