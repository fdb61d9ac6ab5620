"""Routes of OpenAI's files API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import to_thread

from ingle.capabilities.blobs.operation import BlobPiece
from ingle.capabilities.collections.http.vector_store_records import VectorStoreRecords
from ingle.capabilities.collections.operation import RemoveDocuments
from ingle.errors import IngleError, NotFound
from ingle.operations import Done, Event
from ingle.server.endpoint import Table
from ingle.server.exchange import Exchange
from ingle.server.upload import form
from ingle.wire.openai.client_files import MOST_LISTED, deleted, file_object, page, purpose
from ingle.wire.sse import encode

PIECE = 1 << 18


class FileRoutes:
    """What answers them."""

    def __init__(self, records: VectorStoreRecords) -> None:
        self._records = records

    async def create(self, exchange: Exchange) -> None:
        """``POST /v1/files``: a form."""
        async with form(exchange) as (fields, sent):
            wanted = purpose(fields)
            found = await to_thread.run_sync(
                self._records.add_file, sent.path, sent.name, wanted, sent.size
            )
        await exchange.reply(encode(file_object(found)))

    async def list_all(self, exchange: Exchange) -> None:
        """``GET /v1/files``, the newest first unless ``order=asc``."""
        found = await to_thread.run_sync(self._records.files, exchange.query.get("purpose", ""))
        objects = [file_object(file) for file in found]
        await exchange.reply(encode(page(objects, exchange.query, MOST_LISTED, MOST_LISTED)))

    async def retrieve(self, exchange: Exchange) -> None:
        """``GET /v1/files/{id}``."""
        found = await to_thread.run_sync(self._records.file, exchange.params["identifier"])
        await exchange.reply(encode(file_object(found)))

    async def content(self, exchange: Exchange) -> None:
        """``GET /v1/files/{id}/content``: its bytes."""
        found = await to_thread.run_sync(self._records.file, exchange.params["identifier"])
        await exchange.stream(_pieces(self._records.path(found)), _Bytes())

    async def delete(self, exchange: Exchange) -> None:
        """``DELETE /v1/files/{id}``, also from the stores that have it."""
        identifier = exchange.params["identifier"]
        found = await to_thread.run_sync(self._records.file, identifier)
        place = str(self._records.path(found))
        for store in await to_thread.run_sync(self._records.delete_file, identifier):
            try:
                await exchange.ask(RemoveDocuments(collection=store, places=[place]), Done)
            except NotFound:
                continue  # the store is gone
        await exchange.reply(encode(deleted(identifier, "file")))

    def table(self) -> Table:
        """The routes."""
        one = "/v1/files/{identifier}"
        return {
            "/v1/files": {"POST": self.create, "GET": self.list_all},
            one: {"GET": self.retrieve, "DELETE": self.delete},
            f"{one}/content": {"GET": self.content},
        }


class _Bytes:
    """Sends the pieces as they are (see `ingle.wire.dialect.EventStream`)."""

    content_type = "application/octet-stream"

    def add(self, event: Event) -> bytes:
        return event.data if isinstance(event, BlobPiece) else b""

    def end(self) -> bytes:
        return b""

    def fail(self, error: IngleError) -> bytes:
        return b""


@asynccontextmanager
async def _pieces(path: Path) -> AsyncIterator[AsyncIterator[Event]]:
    async def events() -> AsyncIterator[Event]:
        with path.open("rb") as file:
            while data := await to_thread.run_sync(file.read, PIECE):
                yield BlobPiece(data=data)

    yield events()
