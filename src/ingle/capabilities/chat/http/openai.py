"""Chat in the OpenAI dialect, but for the responses, which keep state."""

from __future__ import annotations

import time

from ingle.server import answer_ids
from ingle.server.endpoint import Table
from ingle.server.exchange import Exchange
from ingle.wire.openai import chat_answer
from ingle.wire.openai.chat_completions import parse


async def chat_completions(exchange: Exchange) -> None:
    """``POST /v1/chat/completions``."""
    request = parse(await exchange.body())
    identifier, created = answer_ids.new("chatcmpl"), int(time.time())
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


ROUTES: Table = {"/v1/chat/completions": {"POST": chat_completions}}
