"""Routes of the OpenAI dialect, but for the responses, which keep state."""

from __future__ import annotations

import time

from ingle.operations import (
    ChatResult,
    Complete,
    Detokenized,
    Done,
    Embedded,
    Fold,
    ListModels,
    Models,
    RemoveModel,
    Reranked,
    ShowModel,
    Shown,
    Tokenized,
)
from ingle.server import identity
from ingle.server.endpoint import Table
from ingle.server.exchange import Exchange
from ingle.server.fanout import perform_all
from ingle.server.refusal import speaks_anthropic
from ingle.wire import rerank, tokenization
from ingle.wire.anthropic import models as anthropic_models
from ingle.wire.openai import (
    chat,
    chat_answer,
    completion_answer,
    completions,
    embeddings,
    models,
)


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


async def create_completions(exchange: Exchange) -> None:
    """``POST /v1/completions``: one prompt or several, which are batched by the node."""
    limits = exchange.settings.limits
    request = completions.parse(await exchange.body(), most=limits.prompts)
    identifier, created = identity.new("cmpl"), int(time.time())
    first = request.operations[0]
    if not request.stream:
        results = await exchange.attended(lambda: _complete_all(exchange, request.operations))
        answer = completion_answer.completion(
            results,
            identifier=identifier,
            created=created,
            n=first.n,
            offsets=request.offsets,
        )
        await exchange.reply(answer)
        return
    stream = completion_answer.CompletionStream(
        identifier=identifier,
        created=created,
        model=first.model,
        n=first.n,
        offsets=request.offsets,
        include_usage=request.include_usage,
    )

    def tell(position: int) -> None:
        stream.at = position

    if len(request.operations) == 1:
        source = exchange.node.perform(first)
    else:
        source = perform_all(
            exchange.node, request.operations, at_once=limits.prompts_at_once, tell=tell
        )
    await exchange.stream(source, stream)


async def create_embeddings(exchange: Exchange) -> None:
    """``POST /v1/embeddings``."""
    request = embeddings.parse(await exchange.body())
    embedded = await exchange.ask(request.operation, Embedded)
    await exchange.reply(embeddings.answer(embedded, as_base64=request.base64))


async def create_rerank(exchange: Exchange) -> None:
    """``POST /v1/rerank``."""
    request = rerank.parse(await exchange.body())
    reranked = await exchange.ask(request.operation, Reranked)
    await exchange.reply(rerank.answer(reranked, request, identifier=identity.new("rerank")))


async def tokenize(exchange: Exchange) -> None:
    """``POST /v1/tokenize``."""
    operation = tokenization.parse_tokenize(await exchange.body())
    await exchange.reply(tokenization.tokenized(await exchange.ask(operation, Tokenized)))


async def detokenize(exchange: Exchange) -> None:
    """``POST /v1/detokenize``."""
    operation = tokenization.parse_detokenize(await exchange.body())
    await exchange.reply(tokenization.detokenized(await exchange.ask(operation, Detokenized)))


async def list_models(exchange: Exchange) -> None:
    """``GET /v1/models``, which Anthropic's clients ask too."""
    found = await exchange.ask(ListModels(peers=True), Models)
    dialect = anthropic_models if speaks_anthropic(exchange.scope) else models
    await exchange.reply(dialect.listing(found.models))


async def retrieve_model(exchange: Exchange) -> None:
    """``GET /v1/models/{id}``; names may hold slashes and colons."""
    name = exchange.params["name"]
    shown = await exchange.ask(ShowModel(model=name), Shown)
    dialect = anthropic_models if speaks_anthropic(exchange.scope) else models
    await exchange.reply(dialect.one(shown.model, name=name))


async def delete_model(exchange: Exchange) -> None:
    """``DELETE /v1/models/{id}``."""
    name = exchange.params["name"]
    await exchange.ask(RemoveModel(model=name), Done)
    await exchange.reply(models.deleted(name))


async def _complete_all(exchange: Exchange, operations: list[Complete]) -> list[ChatResult]:
    if len(operations) == 1:
        return [await exchange.folded(operations[0])]
    folds = [Fold() for _ in operations]
    position = 0

    def tell(found: int) -> None:
        nonlocal position
        position = found

    at_once = exchange.settings.limits.prompts_at_once
    async with perform_all(exchange.node, operations, at_once=at_once, tell=tell) as events:
        async for event in events:
            folds[position].add(event)
    return [
        exchange.counted(fold.result(), operation)
        for fold, operation in zip(folds, operations, strict=True)
    ]


MODEL_ROUTES: Table = {
    "/v1/chat/completions": {"POST": chat_completions},
    "/v1/completions": {"POST": create_completions},
    "/v1/embeddings": {"POST": create_embeddings},
    "/v1/rerank": {"POST": create_rerank},
    "/v2/rerank": {"POST": create_rerank},
    "/rerank": {"POST": create_rerank},
    "/v1/tokenize": {"POST": tokenize},
    "/tokenize": {"POST": tokenize},
    "/v1/detokenize": {"POST": detokenize},
    "/detokenize": {"POST": detokenize},
    "/v1/models": {"GET": list_models},
}
"""What any client may ask of a model."""

OWNER_ROUTES: Table = {
    "/v1/models/{name:path}": {"GET": retrieve_model, "DELETE": delete_model},
}
"""What only the owner may ask."""
