"""HTTP routes of the store."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from ingle.capabilities.blobs.operation import BlobState, PutBlob
from ingle.capabilities.store.operation import (
    Created,
    FindFile,
    ListModels,
    Models,
    Pulled,
    RemoveModel,
    ShowModel,
    Shown,
)
from ingle.errors import IntegrityError, InvalidRequest, NotFound
from ingle.node.node import ask
from ingle.operations import Done
from ingle.operations.operation import Bytes
from ingle.server.endpoint import EndpointContext, Table
from ingle.server.exchange import Exchange
from ingle.server.refusal import speaks_anthropic
from ingle.wire.anthropic import models as anthropic_models
from ingle.wire.ollama import create_request, model_requests
from ingle.wire.openai import models

PIECE = 1 << 20


def table(floor: EndpointContext) -> Table:
    """The routes."""
    return {
        "/v1/models": {"GET": list_models},
        "/v1/models/{name:path}": {"GET": retrieve_model, "DELETE": delete_model},
        "/api/tags": {"GET": list_tags},
        "/api/show": {"POST": show},
        "/api/pull": {"POST": pull},
        "/api/create": {"POST": create},
        "/api/blobs/{digest}": {"HEAD": find_file, "POST": put_file},
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


async def create(exchange: Exchange) -> None:
    """``POST /api/create``."""
    request = create_request.parse(await exchange.body())
    if request.stream:
        statuses = create_request.CreateStream(request.notes)
        await exchange.stream(exchange.node.perform(request.operation), statuses)
    else:
        created = await exchange.ask(request.operation, Created)
        await exchange.reply(create_request.whole(created, request.notes))


async def find_file(exchange: Exchange) -> None:
    """``HEAD /api/blobs/sha256:...``: 200 or 404, with no body."""
    await exchange.ask(FindFile(sha256=_sha256(exchange)), Done)
    await exchange.reply(b"")


async def put_file(exchange: Exchange) -> None:
    """``POST /api/blobs/sha256:...``: the body's bytes, however many. 201; 200 if they are here."""
    sha256 = _sha256(exchange)
    with contextlib.suppress(NotFound):
        await ask(exchange.node, FindFile(sha256=sha256), Done)  # the body is not read yet
        async for _ in exchange.body_pieces(PIECE):
            pass  # a client that is cut off while it sends would not look at the answer
        await exchange.reply(b"")
        return
    arrived = 0

    async def pieces() -> AsyncGenerator[Bytes, None]:
        nonlocal arrived
        async for data in exchange.body_pieces(PIECE):
            known = max(0, there - arrived)  # from an upload that was cut off
            arrived += len(data)
            if data[known:]:
                yield Bytes(data=data[known:])

    there = 0
    try:
        async with exchange.node.perform(PutBlob(sha256=sha256), pieces()) as events:
            async for event in events:
                if isinstance(event, BlobState) and not arrived:
                    there = event.there
    except IntegrityError as error:
        raise InvalidRequest(f"digest: {error.message}", field="digest") from None
    await exchange.reply(b"", status=201)


def _sha256(exchange: Exchange) -> str:
    digest = exchange.params["digest"]
    kind, _, hexes = digest.partition(":" if ":" in digest else "-")
    if kind != "sha256":
        raise InvalidRequest(f"{digest[:80]!r} is not a digest (sha256:...)", field="digest")
    return hexes


async def copy(exchange: Exchange) -> None:
    """``POST /api/copy``."""
    await exchange.ask(model_requests.parse_copy(await exchange.body()), Done)
    await exchange.reply(b"")


async def delete(exchange: Exchange) -> None:
    """``DELETE /api/delete``."""
    await exchange.ask(model_requests.parse_delete(await exchange.body()), Done)
    await exchange.reply(b"")
