"""Routes of OpenAI's responses API, which keeps conversations on the server."""

from __future__ import annotations

import secrets
import time
from urllib.parse import parse_qs

import anyio.to_thread

from ingle.capabilities.chat.http.response_store import ResponseStore, StoredResponse
from ingle.capabilities.tokenize.operation import Tokenized
from ingle.errors import InvalidRequest
from ingle.operations import ChatResult, Message
from ingle.server.endpoint import Table
from ingle.server.exchange import Exchange
from ingle.wire.openai import response_items, response_object, responses
from ingle.wire.openai.response_object import Response
from ingle.wire.openai.response_stream import ResponseStream
from ingle.wire.sse import encode


class ResponsesRoutes:
    """The handlers; they share one store."""

    def __init__(self, store: ResponseStore) -> None:
        self._store = store

    async def create(self, exchange: Exchange) -> None:
        """``POST /v1/responses``."""
        request, history = await self._read(exchange)
        operation = request.operation(history)
        identifier = "resp_" + secrets.token_hex(16)
        base = response_object.frame(request, identifier=identifier, created=int(time.time()))
        if not request.stream:
            result = await exchange.fold(operation)
            response = response_object.completed(base, result)
            await self._keep(request, history, response, result)
            await exchange.reply(encode(response))
            return
        stream = ResponseStream(base)

        async def keep() -> None:
            await self._keep(request, history, stream.whole(), stream.result)

        await exchange.stream(exchange.node.perform(operation), stream, before_end=keep)

    async def count(self, exchange: Exchange) -> None:
        """``POST /v1/responses/input_tokens``."""
        request, history = await self._read(exchange)
        tokenized = await exchange.ask(request.count(history), Tokenized)
        found = {"object": "response.input_tokens", "input_tokens": len(tokenized.tokens)}
        await exchange.reply(encode(found))

    async def retrieve(self, exchange: Exchange) -> None:
        """``GET /v1/responses/{id}``."""
        stored = await self._stored(exchange.params["identifier"])
        await exchange.reply(encode(stored.response))

    async def delete(self, exchange: Exchange) -> None:
        """``DELETE /v1/responses/{id}``."""
        identifier = exchange.params["identifier"]
        await anyio.to_thread.run_sync(self._store.delete, identifier)
        await exchange.reply(encode({"id": identifier, "object": "response", "deleted": True}))

    async def input_items(self, exchange: Exchange) -> None:
        """``GET /v1/responses/{id}/input_items``, newest first unless ``order=asc``."""
        identifier = exchange.params["identifier"]
        stored = await self._stored(identifier)
        query = parse_qs(exchange.scope.get("query_string", b"").decode("latin-1"))
        found = response_items.items(stored.turns, identifier.rpartition("_")[2])
        if query.get("order", ["desc"])[0] != "asc":
            found.reverse()
        limit = _limit(query.get("limit", ["20"])[0])
        page = found[:limit]
        await exchange.reply(
            encode(
                {
                    "object": "list",
                    "data": page,
                    "first_id": page[0]["id"] if page else None,
                    "last_id": page[-1]["id"] if page else None,
                    "has_more": len(found) > limit,
                }
            )
        )

    def table(self) -> Table:
        """The routes."""
        return {
            "/v1/responses": {"POST": self.create},
            "/v1/responses/input_tokens": {"POST": self.count},
            "/v1/responses/{identifier}": {"GET": self.retrieve, "DELETE": self.delete},
            "/v1/responses/{identifier}/input_items": {"GET": self.input_items},
        }

    async def _read(self, exchange: Exchange) -> tuple[responses.ResponsesRequest, list[Message]]:
        default = exchange.settings.default_model
        request = responses.parse(await exchange.body(), default_model=default)
        previous = request.asked.previous_response_id
        history = (await self._stored(previous)).conversation if previous else []
        return request, history

    async def _stored(self, identifier: str) -> StoredResponse:
        return await anyio.to_thread.run_sync(self._store.get, identifier)

    async def _keep(
        self,
        request: responses.ResponsesRequest,
        history: list[Message],
        response: Response,
        result: ChatResult,
    ) -> None:
        if not request.stored or not result.choices:
            return
        answer = response_object.answer(result.choices[0], response)
        stored = StoredResponse(response, request.turns, [*history, *request.turns, answer])
        await anyio.to_thread.run_sync(self._store.put, stored)


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= 100):
        raise InvalidRequest("limit: must be between 1 and 100", field="limit")
    return int(text)
