"""Routes of OpenAI's vector stores API. A vector store is a collection, by its name."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from anyio import to_thread

from ingle.capabilities.collections.http.store_filling import StoreFilling
from ingle.capabilities.collections.http.vector_store_records import VectorStoreRecords, file_id
from ingle.capabilities.collections.operation import (
    CollectionInfo,
    CollectionList,
    DocumentList,
    DocumentText,
    ListCollections,
    ListDocuments,
    MakeCollection,
    MarkDocuments,
    ReadDocument,
    RemoveCollection,
    RemoveDocuments,
    SearchResult,
    SearchResults,
)
from ingle.errors import InvalidRequest, NotFound
from ingle.node.node import ask
from ingle.operations import Done
from ingle.server import answer_ids
from ingle.server.endpoint import Table
from ingle.server.exchange import Exchange
from ingle.wire.body import decode
from ingle.wire.openai import vector_stores as wire
from ingle.wire.openai.client_files import deleted, page
from ingle.wire.openai.vector_stores import StoreFile, StoreFileBody, StoreRecord
from ingle.wire.sse import encode


class VectorStoreRoutes:
    """What answers them."""

    def __init__(self, records: VectorStoreRecords, filling: StoreFilling) -> None:
        self._records = records
        self._filling = filling

    async def create(self, exchange: Exchange) -> None:
        """``POST /v1/vector_stores``."""
        body = decode(await exchange.body() or b"{}", wire.StoreBody)
        record = StoreRecord(
            answer_ids.new("vs").replace("-", "_"), body.name or "", body.description,
            int(time.time()), body.metadata or {},
        )  # fmt: skip
        chunking = body.chunking_strategy
        files = [
            await self._new_file(record.id, StoreFileBody(file_id=each, chunking_strategy=chunking))
            for each in body.file_ids or []
        ]
        await exchange.ask(MakeCollection(collection=record.id), Done)
        await to_thread.run_sync(self._records.put_store, record)
        await self._add(record.id, files)
        await exchange.reply(encode(await self._object(exchange, record)))

    async def list_all(self, exchange: Exchange) -> None:
        """``GET /v1/vector_stores``: all collections, also those made otherwise."""
        infos = (await exchange.ask(ListCollections(), CollectionList)).collections
        records = await to_thread.run_sync(self._records.stores)
        known = {info.name: info for info in infos}
        ordered = [*(name for name in known if name not in records), *records]
        objects = [
            await self._described(records.get(name) or _unnamed(name), known[name])
            for name in ordered
            if name in known
        ]
        await exchange.reply(encode(page(objects, exchange.query)))

    async def retrieve(self, exchange: Exchange) -> None:
        """``GET /v1/vector_stores/{id}``."""
        await self._reply(exchange, await self._record(exchange))

    async def update(self, exchange: Exchange) -> None:
        """``POST /v1/vector_stores/{id}``: its name and metadata."""
        record = await self._record(exchange)
        body = decode(await exchange.body(), wire.StoreBody)
        changes = {"name": body.name, "description": body.description, "metadata": body.metadata}
        given = {key: value for key, value in changes.items() if value is not None}
        record = record._replace(**given)  # type: ignore[arg-type]
        await to_thread.run_sync(self._records.put_store, record)
        await self._reply(exchange, record)

    async def delete(self, exchange: Exchange) -> None:
        """``DELETE /v1/vector_stores/{id}``. The files stay."""
        store = (await self._record(exchange)).id
        await to_thread.run_sync(self._records.delete_store, store)
        await exchange.ask(RemoveCollection(collection=store), Done)
        await exchange.reply(encode(deleted(store, "vector_store.deleted")))

    async def search(self, exchange: Exchange) -> None:
        """``POST /v1/vector_stores/{id}/search``."""
        store = (await self._record(exchange)).id
        operation, least, query = wire.parse_search(store, await exchange.body())
        results = (await exchange.ask(operation, SearchResults)).results
        data = await self.results(exchange, store, results, least)
        await exchange.reply(encode(wire.search_page(query, data)))

    async def results(
        self, exchange: Exchange, store: str, results: Sequence[SearchResult], least: float
    ) -> list[dict[str, Any]]:
        """Results as they are told, those with a score of at least this."""
        places = list({result.place for result in results})
        listed = ListDocuments(collection=store, places=places)
        documents = (await exchange.ask(listed, DocumentList)).documents if places else []
        said = {each.place: each.attributes for each in documents}
        scored = zip(results, wire.relative_scores(results), strict=True)
        return [
            wire.search_result(result, file_id(result.place), said.get(result.place, {}), score)
            for result, score in scored
            if score >= least
        ]

    # -- files -----------------------------------------------------------------------------------

    async def add_file(self, exchange: Exchange) -> None:
        """``POST /v1/vector_stores/{id}/files``."""
        store = (await self._record(exchange)).id
        file = await self._new_file(store, decode(await exchange.body(), StoreFileBody))
        await self._add(store, [file])
        await exchange.reply(encode(wire.store_file_object(file)))

    async def list_files(self, exchange: Exchange) -> None:
        """``GET /v1/vector_stores/{id}/files``."""
        store = (await self._record(exchange)).id
        await exchange.reply(encode(_file_page(exchange, await self._files(exchange, store))))

    async def file(self, exchange: Exchange) -> None:
        """``GET /v1/vector_stores/{id}/files/{file}``."""
        found, _ = await self._file(exchange)
        await exchange.reply(encode(wire.store_file_object(found)))

    async def update_file(self, exchange: Exchange) -> None:
        """``POST /v1/vector_stores/{id}/files/{file}``: its attributes."""
        found, place = await self._file(exchange)
        said = decode(await exchange.body(), wire.AttributesBody).attributes
        marked = MarkDocuments(collection=found.store, place=place, attributes=dict(said))
        await exchange.ask(marked, Done)
        await to_thread.run_sync(self._records.set_attributes, found.store, found.id, said)
        await exchange.reply(encode(wire.store_file_object(found._replace(attributes=said))))

    async def remove_file(self, exchange: Exchange) -> None:
        """``DELETE /v1/vector_stores/{id}/files/{file}``. The file itself stays."""
        found, place = await self._file(exchange)
        await to_thread.run_sync(self._records.remove_from_store, found.store, found.id)
        await exchange.ask(RemoveDocuments(collection=found.store, places=[place]), Done)
        await exchange.reply(encode(deleted(found.id, "vector_store.file.deleted")))

    async def file_content(self, exchange: Exchange) -> None:
        """``GET /v1/vector_stores/{id}/files/{file}/content``: what was read of it."""
        found, place = await self._file(exchange)
        asked = ReadDocument(collection=found.store, place=place)
        passages = (await exchange.ask(asked, DocumentText)).passages
        data = [{"type": "text", "text": text} for text in passages]
        told = {"object": "vector_store.file_content.page", "data": data, "has_more": False,
                "next_page": None}  # fmt: skip
        await exchange.reply(encode(told))

    # -- batches ---------------------------------------------------------------------------------

    async def add_batch(self, exchange: Exchange) -> None:
        """``POST /v1/vector_stores/{id}/file_batches``."""
        store = (await self._record(exchange)).id
        added = decode(await exchange.body(), wire.BatchBody).added()
        files = [await self._new_file(store, each) for each in added]
        batch, created = await to_thread.run_sync(self._records.put_batch, store)
        await self._add(store, files, batch)
        await exchange.reply(encode(wire.batch_object(batch, store, created, files)))

    async def batch(self, exchange: Exchange) -> None:
        """``GET /v1/vector_stores/{id}/file_batches/{batch}``."""
        await self._reply_batch(exchange)

    async def cancel_batch(self, exchange: Exchange) -> None:
        """``POST /v1/vector_stores/{id}/file_batches/{batch}/cancel``."""
        store, batch = (await self._record(exchange)).id, exchange.params["batch"]
        await to_thread.run_sync(self._records.batch, store, batch)
        await to_thread.run_sync(self._records.cancel, store, batch)
        await self._reply_batch(exchange)

    async def batch_files(self, exchange: Exchange) -> None:
        """``GET /v1/vector_stores/{id}/file_batches/{batch}/files``."""
        store, batch = (await self._record(exchange)).id, exchange.params["batch"]
        await to_thread.run_sync(self._records.batch, store, batch)
        files = await to_thread.run_sync(self._records.store_files, store, batch)
        await exchange.reply(encode(_file_page(exchange, files)))

    def table(self) -> Table:
        """The routes."""
        one = "/v1/vector_stores/{identifier}"
        file, batch = f"{one}/files/{{file}}", f"{one}/file_batches/{{batch}}"
        return {
            "/v1/vector_stores": {"POST": self.create, "GET": self.list_all},
            one: {"GET": self.retrieve, "POST": self.update, "DELETE": self.delete},
            f"{one}/search": {"POST": self.search},
            f"{one}/files": {"POST": self.add_file, "GET": self.list_files},
            file: {"GET": self.file, "POST": self.update_file, "DELETE": self.remove_file},
            f"{file}/content": {"GET": self.file_content},
            f"{one}/file_batches": {"POST": self.add_batch},
            batch: {"GET": self.batch},
            f"{batch}/cancel": {"POST": self.cancel_batch},
            f"{batch}/files": {"GET": self.batch_files},
        }

    # -- within ----------------------------------------------------------------------------------

    async def _record(self, exchange: Exchange) -> StoreRecord:
        """The store that a path names; what is still to come to it goes on."""
        name = wire.collection_name(exchange.params["identifier"])
        await _info(exchange, name)
        records = await to_thread.run_sync(self._records.stores)
        if name in await to_thread.run_sync(self._records.pending_stores):
            self._filling.begin(name)
        return records.get(name) or _unnamed(name)

    async def _reply(self, exchange: Exchange, record: StoreRecord) -> None:
        await exchange.reply(encode(await self._object(exchange, record)))

    async def _object(self, exchange: Exchange, record: StoreRecord) -> dict[str, Any]:
        return await self._described(record, await _info(exchange, record.id))

    async def _described(self, record: StoreRecord, info: CollectionInfo) -> dict[str, Any]:
        files = await to_thread.run_sync(self._records.store_files, record.id)
        if not files and info.documents:  # it was made otherwise
            files = [StoreFile(record.id, "", 0, 0, "completed", "", {})] * info.documents
        active = record.created or int(time.time())
        return wire.store_object(record, files, info.size, active)

    async def _new_file(self, store: str, body: StoreFileBody) -> StoreFile:
        stored = await to_thread.run_sync(self._records.file, body.file_id)
        tokens, overlap = wire.chunking(body.chunking_strategy)
        return StoreFile(
            store, stored.id, int(time.time()), stored.size, "in_progress", "",
            dict(body.attributes or {}), tokens, overlap,
        )  # fmt: skip

    async def _add(self, store: str, files: Sequence[StoreFile], batch: str = "") -> None:
        if files:
            await to_thread.run_sync(self._records.add_to_store, files, batch)
            self._filling.begin(store)

    async def _files(self, exchange: Exchange, store: str) -> list[StoreFile]:
        files = await to_thread.run_sync(self._records.store_files, store)
        if files:
            return files
        found = await exchange.ask(ListDocuments(collection=store), DocumentList)
        return [
            StoreFile(
                store, file_id(each.place), 0, each.size,
                "failed" if each.problem else "completed", each.problem, each.attributes,
            )
            for each in found.documents
        ]  # fmt: skip

    async def _file(self, exchange: Exchange) -> tuple[StoreFile, str]:
        """The file that a path names, and its place."""
        store, wanted = (await self._record(exchange)).id, exchange.params["file"]
        for file in await to_thread.run_sync(self._records.store_files, store):
            if file.id == wanted:
                stored = await to_thread.run_sync(self._records.file, wanted)
                return file, str(self._records.path(stored))
        documents = (
            await ask(exchange.node, ListDocuments(collection=store), DocumentList)
        ).documents
        for each in documents:
            if file_id(each.place) == wanted:
                status: wire.FileStatus = "failed" if each.problem else "completed"
                return StoreFile(
                    store, wanted, 0, each.size, status, each.problem, each.attributes
                ), each.place
        raise NotFound(f"there is no file {wanted!r} in {store}", field="file_id")

    async def _reply_batch(self, exchange: Exchange) -> None:
        store, batch = (await self._record(exchange)).id, exchange.params["batch"]
        created = await to_thread.run_sync(self._records.batch, store, batch)
        files = await to_thread.run_sync(self._records.store_files, store, batch)
        await exchange.reply(encode(wire.batch_object(batch, store, created, files)))


async def _info(exchange: Exchange, name: str) -> CollectionInfo:
    try:
        # Not attended: watching for a client that leaves would take the body that is still to come.
        found = await ask(exchange.node, ListCollections(collection=name), CollectionList)
    except NotFound:
        raise NotFound(f"there is no vector store {name!r}", field="vector_store_id") from None
    return found.collections[0]


def _unnamed(name: str) -> StoreRecord:
    """A collection that was not made as a store."""
    return StoreRecord(id=name, name=name)


def _file_page(exchange: Exchange, files: Sequence[StoreFile]) -> dict[str, Any]:
    wanted = exchange.query.get("filter")
    if wanted not in (None, *wire.STATUSES):
        raise InvalidRequest(f"filter: use one of {', '.join(wire.STATUSES)}", field="filter")
    objects = [wire.store_file_object(file) for file in files if wanted in (None, file.status)]
    return page(objects, exchange.query)
