"""Chat in the OpenAI dialect, but for the responses, which keep state."""

from __future__ import annotations

import time

from ingle.capabilities.chat.http.prompt_only import events_of
from ingle.server import answer_ids
from ingle.server.endpoint import Table
from ingle.server.exchange import Exchange
from ingle.wire.body import renamed
from ingle.wire.openai import chat_answer
from ingle.wire.openai.chat_completions import parse

_NAMES = {"schema": "response_format"}
"""Fields of an operation as the client wrote them, for what is found out while it is performed."""


async def chat_completions(exchange: Exchange) -> None:
    """``POST /v1/chat/completions``."""
    request = parse(await exchange.body())
    identifier, created = answer_ids.new("chatcmpl"), int(time.time())
    operation = request.operation
    events = events_of(exchange.node, operation, prompt_only=request.prompt_only)
    if request.stream:
        stream = chat_answer.ChatStream(
            identifier=identifier,
            created=created,
            model=operation.model,
            include_usage=request.include_usage,
            progress=request.progress,
            custom=request.custom,
            notes=request.notes,
        )
        with renamed(_NAMES):
            await exchange.stream(events, stream)
    else:
        with renamed(_NAMES):
            result = await exchange.fold(operation, events)
        answer = chat_answer.completion(
            result,
            identifier=identifier,
            created=created,
            custom=request.custom,
            notes=request.notes,
        )
        await exchange.reply(answer)


ROUTES: Table = {"/v1/chat/completions": {"POST": chat_completions}}
