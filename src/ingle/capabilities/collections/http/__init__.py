"""HTTP routes of collections: ``/api/collections``, ``/v1/files`` and ``/v1/vector_stores``."""

from __future__ import annotations

from ingle.capabilities.collections.http.file_routes import FileRoutes
from ingle.capabilities.collections.http.store_filling import StoreFilling
from ingle.capabilities.collections.http.vector_store_records import VectorStoreRecords
from ingle.capabilities.collections.http.vector_store_routes import VectorStoreRoutes
from ingle.capabilities.collections.operation import (
    CollectionAnswer,
    CollectionList,
    ListCollections,
    RemoveCollection,
    SearchResults,
)
from ingle.operations import Done
from ingle.server.endpoint import EndpointContext, Table
from ingle.server.exchange import Exchange
from ingle.wire import collection_bodies
from ingle.wire.sse import encode


def table(floor: EndpointContext) -> Table:
    """The routes; OpenAI's keep their records in the node's folder."""
    folder = floor.settings.state_dir
    kept: Table = {}
    if folder is not None:
        records = VectorStoreRecords(folder)
        filling = StoreFilling(floor.node, records)
        floor.closing += [records.close, filling.close]
        kept = {**FileRoutes(records).table(), **VectorStoreRoutes(records, filling).table()}
    return {
        **kept,
        "/api/collections": {"GET": list_all},
        "/api/collections/{name}": {"GET": show, "DELETE": remove},
        "/api/collections/{name}/search": {"POST": search},
        "/api/collections/{name}/ask": {"POST": ask},
    }


async def list_all(exchange: Exchange) -> None:
    """``GET /api/collections``."""
    found = await exchange.ask(ListCollections(), CollectionList)
    await exchange.reply(collection_bodies.listed(found))


async def show(exchange: Exchange) -> None:
    """``GET /api/collections/NAME``."""
    found = await exchange.ask(ListCollections(collection=exchange.params["name"]), CollectionList)
    await exchange.reply(collection_bodies.shown(found))


async def remove(exchange: Exchange) -> None:
    """``DELETE /api/collections/NAME``."""
    await exchange.ask(RemoveCollection(collection=exchange.params["name"]), Done)
    await exchange.reply(encode({"removed": exchange.params["name"]}))


async def search(exchange: Exchange) -> None:
    """``POST /api/collections/NAME/search``."""
    asked = collection_bodies.parse_search(exchange.params["name"], await exchange.body())
    found = await exchange.ask(asked, SearchResults)
    await exchange.reply(collection_bodies.results(found))


async def ask(exchange: Exchange) -> None:
    """``POST /api/collections/NAME/ask``."""
    asked, streamed = collection_bodies.parse_question(
        exchange.params["name"], await exchange.body()
    )
    if streamed:
        stream = collection_bodies.AnswerLines()
        await exchange.stream(exchange.node.perform(asked), stream)
        return
    answer = await exchange.ask(asked, CollectionAnswer)
    await exchange.reply(encode(collection_bodies.answer_object(answer)))
