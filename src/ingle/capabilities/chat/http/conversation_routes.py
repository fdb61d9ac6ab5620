"""Routes of OpenAI's conversations API."""

from __future__ import annotations

import time
from collections.abc import Sequence

from anyio import to_thread

from ingle.capabilities.chat.http.conversation_store import (
    ConversationStore,
    StoredConversation,
    missing_item,
)
from ingle.capabilities.chat.http.responses_routes import new_id
from ingle.server.endpoint import Table
from ingle.server.exchange import Exchange
from ingle.wire.body import decode
from ingle.wire.openai import response_items
from ingle.wire.openai.conversations import (
    ConversationBody,
    ConversationItemsBody,
    conversation_object,
    item_list,
    item_page,
)
from ingle.wire.openai.response_calls import Item
from ingle.wire.sse import encode


class ConversationRoutes:
    """The handlers; they share one store."""

    def __init__(self, store: ConversationStore) -> None:
        self._store = store

    async def create(self, exchange: Exchange) -> None:
        """``POST /v1/conversations``."""
        body = decode(await exchange.body() or b"{}", ConversationBody)
        items = _checked(body.items or [])
        found = StoredConversation(new_id("conv"), int(time.time()), body.metadata or {})
        await to_thread.run_sync(self._store.create, found, items)
        await _reply(exchange, found)

    async def retrieve(self, exchange: Exchange) -> None:
        """``GET /v1/conversations/{id}``."""
        identifier = exchange.params["identifier"]
        await _reply(exchange, await to_thread.run_sync(self._store.get, identifier))

    async def update(self, exchange: Exchange) -> None:
        """``POST /v1/conversations/{id}``: its metadata."""
        body = decode(await exchange.body(), ConversationBody)
        identifier, metadata = exchange.params["identifier"], body.metadata or {}
        await _reply(exchange, await to_thread.run_sync(self._store.update, identifier, metadata))

    async def delete(self, exchange: Exchange) -> None:
        """``DELETE /v1/conversations/{id}``."""
        identifier = exchange.params["identifier"]
        await to_thread.run_sync(self._store.delete, identifier)
        gone = {"id": identifier, "object": "conversation.deleted", "deleted": True}
        await exchange.reply(encode(gone))

    async def items(self, exchange: Exchange) -> None:
        """``GET /v1/conversations/{id}/items``, newest first unless ``order=asc``."""
        found = await to_thread.run_sync(self._store.items, exchange.params["identifier"])
        await exchange.reply(encode(item_page(found, exchange.query)))

    async def add_items(self, exchange: Exchange) -> None:
        """``POST /v1/conversations/{id}/items``."""
        items = _checked(decode(await exchange.body(), ConversationItemsBody).items)
        await to_thread.run_sync(self._store.add, exchange.params["identifier"], items)
        await exchange.reply(encode(item_list(items)))

    async def item(self, exchange: Exchange) -> None:
        """``GET /v1/conversations/{id}/items/{item}``."""
        identifier, wanted = exchange.params["identifier"], exchange.params["item"]
        items = await to_thread.run_sync(self._store.items, identifier)
        found = next((item for item in items if item["id"] == wanted), None)
        if found is None:
            raise missing_item(identifier, wanted)
        await exchange.reply(encode(found))

    async def remove_item(self, exchange: Exchange) -> None:
        """``DELETE /v1/conversations/{id}/items/{item}``: answers the conversation."""
        identifier, item = exchange.params["identifier"], exchange.params["item"]
        await _reply(exchange, await to_thread.run_sync(self._store.remove, identifier, item))

    def table(self) -> Table:
        """The routes."""
        one = "/v1/conversations/{identifier}"
        return {
            "/v1/conversations": {"POST": self.create},
            one: {"GET": self.retrieve, "POST": self.update, "DELETE": self.delete},
            f"{one}/items": {"GET": self.items, "POST": self.add_items},
            f"{one}/items/{{item}}": {"GET": self.item, "DELETE": self.remove_item},
        }


def _checked(items: Sequence[Item]) -> list[Item]:
    """Items with ids, once they are known to be a conversation."""
    response_items.conversation(items, "items")
    return response_items.identified(items, new_id)


async def _reply(exchange: Exchange, found: StoredConversation) -> None:
    await exchange.reply(encode(conversation_object(*found)))
