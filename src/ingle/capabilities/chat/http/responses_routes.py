"""Routes of OpenAI's responses API, which keeps conversations on the server."""

from __future__ import annotations

import secrets
import time

from anyio import to_thread

from ingle.capabilities.chat.http.background_responses import (
    UNDER_WAY,
    BackgroundResponses,
    RecordedStream,
    only_in_background,
)
from ingle.capabilities.chat.http.conversation_store import ConversationStore
from ingle.capabilities.chat.http.response_store import ResponseStore, StoredResponse
from ingle.capabilities.chat.http.searched_files import searched
from ingle.capabilities.tokenize.operation import Tokenized
from ingle.errors import Cancelled, InvalidRequest
from ingle.operations import ChatResult, Message
from ingle.server.endpoint import EndpointContext, Table
from ingle.server.exchange import Exchange
from ingle.wire.body import renamed
from ingle.wire.openai import compaction, response_items, response_object, responses
from ingle.wire.openai.conversations import item_page
from ingle.wire.openai.response_calls import Item
from ingle.wire.openai.response_object import AnswerStyle, Response
from ingle.wire.openai.response_stream import ResponseStream
from ingle.wire.openai.responses import ResponsesRequest
from ingle.wire.sse import encode

_NAMES = {"messages": "input", "schema": "text.format.schema"}
"""Fields of an operation as the client wrote them, for what is found out while it is performed."""


class ResponsesRoutes:
    """The handlers; they share one store."""

    def __init__(
        self, floor: EndpointContext, store: ResponseStore, conversations: ConversationStore
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._background = BackgroundResponses(floor)
        floor.closing.append(self._background.close)

    async def create(self, exchange: Exchange) -> None:
        """``POST /v1/responses``."""
        request, history = await self._read(exchange)
        operation, search = await searched(exchange, request, request.operation(history))
        identifier = new_id("resp")
        base = response_object.frame(request, identifier=identifier, created=int(time.time()))
        style = AnswerStyle.of(request, search)
        stream = ResponseStream(base, style)

        said = response_items.identified(request.items, new_id)

        async def keep(response: Response, result: ChatResult | None) -> None:
            await self._keep(request, said, history, response, result)

        if request.background:
            await keep(base, None)
            started = self._background.start(base, stream, operation, keep)
            if request.stream:
                await exchange.stream(started.events(-1), RecordedStream())
            else:
                await exchange.reply(encode(base))
        elif request.stream:
            with renamed(_NAMES):
                await exchange.stream(
                    exchange.node.perform(operation),
                    stream,
                    before_end=lambda: keep(stream.whole(), stream.result),
                )
        else:
            with renamed(_NAMES):
                result = await exchange.fold(operation)
            items = response_object.output(result, identifier, style)
            response = response_object.completed(base, result, items)
            await keep(response, result)
            await exchange.reply(encode(response))

    async def count(self, exchange: Exchange) -> None:
        """``POST /v1/responses/input_tokens``."""
        request, history = await self._read(exchange)
        tokenized = await exchange.ask(request.count(history), Tokenized)
        found = {"object": "response.input_tokens", "input_tokens": len(tokenized.tokens)}
        await exchange.reply(encode(found))

    async def compact(self, exchange: Exchange) -> None:
        """``POST /v1/responses/compact``."""
        request, history = await self._read(exchange)
        created = int(time.time())
        result = await exchange.fold(compaction.summary_operation(request, history))
        items = response_items.identified(request.items, new_id)
        answer = compaction.compacted(items, result, identifier=new_id("resp"), created=created)
        await exchange.reply(encode(answer))

    async def retrieve(self, exchange: Exchange) -> None:
        """``GET /v1/responses/{id}``, whole or as the events that made it."""
        identifier = exchange.params["identifier"]
        known = self._background.get(identifier)
        if exchange.query.get("stream") == "true":
            if known is None:
                await self._stored(identifier)
                raise only_in_background(identifier)
            after = _sequence_number(exchange.query.get("starting_after", "-1"))
            await exchange.stream(known.events(after), RecordedStream())
            return
        if known is not None:
            await exchange.reply(encode(known.response))
            return
        stored = await self._stored(identifier)
        await exchange.reply(encode(_as_it_ended(stored.response)))

    async def cancel(self, exchange: Exchange) -> None:
        """``POST /v1/responses/{id}/cancel``."""
        identifier = exchange.params["identifier"]
        response = await self._background.cancel(identifier)
        if response is None:
            response = _as_it_ended((await self._stored(identifier)).response)
            if not response["background"]:
                raise only_in_background(identifier)
        await exchange.reply(encode(response))

    async def delete(self, exchange: Exchange) -> None:
        """``DELETE /v1/responses/{id}``."""
        identifier = exchange.params["identifier"]
        await self._background.cancel(identifier)
        self._background.forget(identifier)
        await to_thread.run_sync(self._store.delete, identifier)
        await exchange.reply(encode({"id": identifier, "object": "response", "deleted": True}))

    async def input_items(self, exchange: Exchange) -> None:
        """``GET /v1/responses/{id}/input_items``, newest first unless ``order=asc``."""
        stored = await self._stored(exchange.params["identifier"])
        await exchange.reply(encode(item_page(stored.input, exchange.query)))

    def table(self) -> Table:
        """The routes."""
        one = "/v1/responses/{identifier}"
        return {
            "/v1/responses": {"POST": self.create},
            "/v1/responses/input_tokens": {"POST": self.count},
            "/v1/responses/compact": {"POST": self.compact},
            one: {"GET": self.retrieve, "DELETE": self.delete},
            f"{one}/cancel": {"POST": self.cancel},
            f"{one}/input_items": {"GET": self.input_items},
        }

    async def _read(self, exchange: Exchange) -> tuple[ResponsesRequest, list[Message]]:
        default = exchange.settings.default_model
        request = responses.parse(await exchange.body(), default_model=default)
        if request.references:
            found = {at: await self._item(at, name) for at, name in request.references.items()}
            request = request.with_items(found)
        if request.conversation:
            items = await to_thread.run_sync(self._conversations.items, request.conversation)
            return request, response_items.conversation(items)[0]
        if previous := request.asked.previous_response_id:
            return request, await self._history(previous)
        return request, []

    async def _history(self, previous: str) -> list[Message]:
        field = "previous_response_id"
        stored = await to_thread.run_sync(lambda: self._store.get(previous, field=field))
        if self._background.get(previous) and stored.response["status"] in UNDER_WAY:
            raise InvalidRequest(
                f"the response {previous!r} is still being answered",
                hint="wait until its status is completed",
                field=field,
            )
        return stored.conversation

    async def _item(self, at: int, name: str) -> Item:
        found = await to_thread.run_sync(self._store.item, name)
        if found is None:
            raise InvalidRequest(
                f"input[{at}]: there is no stored item {name!r}",
                hint="send the item itself",
                field=f"input[{at}].id",
            )
        return found

    async def _stored(self, identifier: str) -> StoredResponse:
        return await to_thread.run_sync(self._store.get, identifier)

    async def _keep(
        self,
        request: ResponsesRequest,
        said: list[Item],
        history: list[Message],
        response: Response,
        result: ChatResult | None,
    ) -> None:
        conversation = [*history, *request.turns]
        if result is not None and result.choices:
            conversation.append(response_object.answer(result.choices[0], response))
            if request.conversation:
                items = [*said, *response["output"]]
                await to_thread.run_sync(self._conversations.add, request.conversation, items)
        if request.stored:
            stored = StoredResponse(response, said, conversation)
            await to_thread.run_sync(self._store.put, stored)


def new_id(prefix: str) -> str:
    """An id that nothing else has."""
    return f"{prefix}_{secrets.token_hex(16)}"


def _as_it_ended(response: Response) -> Response:
    """A stored response; one that is under way, but not here, ended with the server it was on."""
    if response["status"] not in UNDER_WAY:
        return response
    stopped = Cancelled("the server stopped before this response was complete")
    return response_object.failed(response, stopped)


def _sequence_number(text: str) -> int:
    number = text.removeprefix("-")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise InvalidRequest("starting_after: not a sequence number", field="starting_after")
    return max(-1, int(text))
