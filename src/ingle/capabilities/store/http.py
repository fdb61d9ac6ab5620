"""HTTP routes of the store."""

from __future__ import annotations

from ingle.capabilities.store.operation import (
    ListModels,
    Models,
    Pulled,
    RemoveModel,
    ShowModel,
    Shown,
)
from ingle.operations import Done
from ingle.server.endpoint import EndpointContext, Table
from ingle.server.exchange import Exchange
from ingle.server.refusal import speaks_anthropic
from ingle.wire.anthropic import models as anthropic_models
from ingle.wire.ollama import model_requests
from ingle.wire.openai import models


def table(floor: EndpointContext) -> Table:
    """The routes."""
    return {
        "/v1/models": {"GET": list_models},
        "/v1/models/{name:path}": {"GET": retrieve_model, "DELETE": delete_model},
        "/api/tags": {"GET": list_tags},
        "/api/show": {"POST": show},
        "/api/pull": {"POST": pull},
        "/api/copy": {"POST": copy},
        "/api/delete": {"DELETE": delete},
    }


async def list_models(exchange: Exchange) -> None:
    """``GET /v1/models``, which Anthropic's clients ask too."""
    found = await exchange.ask(ListModels(peers=True), Models)
    if speaks_anthropic(exchange.scope):
        stages = exchange.query_values("lifecycle")
        page = anthropic_models.listing(found.models, exchange.query, stages=stages)
        await exchange.reply(page)
    else:
        await exchange.reply(models.listing(found.models))


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


async def list_tags(exchange: Exchange) -> None:
    """``GET /api/tags``."""
    await exchange.reply(
        model_requests.tags((await exchange.ask(ListModels(peers=True), Models)).models)
    )


async def show(exchange: Exchange) -> None:
    """``POST /api/show``."""
    operation = model_requests.parse_show(await exchange.body())
    await exchange.reply(model_requests.shown((await exchange.ask(operation, Shown)).model))


async def pull(exchange: Exchange) -> None:
    """``POST /api/pull``. A client that leaves stops it; asked again, it resumes."""
    request = model_requests.parse_pull(await exchange.body())
    if request.stream:
        await exchange.stream(exchange.node.perform(request.operation), model_requests.PullStream())
    else:
        await exchange.ask(request.operation, Pulled)
        await exchange.reply(b'{"status":"success"}')


async def copy(exchange: Exchange) -> None:
    """``POST /api/copy``."""
    await exchange.ask(model_requests.parse_copy(await exchange.body()), Done)
    await exchange.reply(b"")


async def delete(exchange: Exchange) -> None:
    """``DELETE /api/delete``."""
    await exchange.ask(model_requests.parse_delete(await exchange.body()), Done)
    await exchange.reply(b"")
