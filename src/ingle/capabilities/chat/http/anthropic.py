"""Chat in the Anthropic dialect."""

from __future__ import annotations

import secrets

from ingle.capabilities.chat.http.prompt_only import events_of
from ingle.capabilities.tokenize.operation import Tokenized
from ingle.server.endpoint import Table
from ingle.server.exchange import Exchange
from ingle.wire.anthropic import message_answer, messages
from ingle.wire.body import renamed

_NAMES = {"schema": "output_config.format.schema"}
"""Fields of an operation as the client wrote them, for what is found out while it is performed."""


async def create_message(exchange: Exchange) -> None:
    """``POST /v1/messages``."""
    request = messages.parse(await exchange.body())
    identifier = "msg_" + secrets.token_hex(12)
    operation, notes = request.operation, request.notes
    events = events_of(exchange.node, operation, prompt_only=request.prompt_only)
    if request.stream:
        stream = message_answer.MessageStream(
            identifier=identifier,
            model=operation.model,
            notes=notes,
            members=request.members,
        )
        with renamed(_NAMES):
            await exchange.stream(events, stream)
    else:
        with renamed(_NAMES):
            result = await exchange.fold(operation, events)
        answer = message_answer.message(
            result, identifier=identifier, notes=notes, members=request.members
        )
        await exchange.reply(answer)


async def count_tokens(exchange: Exchange) -> None:
    """``POST /v1/messages/count_tokens``."""
    operation = messages.parse_count(await exchange.body())
    tokenized = await exchange.ask(operation, Tokenized)
    await exchange.reply(messages.counted(len(tokenized.tokens)))


ROUTES: Table = {
    "/v1/messages": {"POST": create_message},
    "/v1/messages/count_tokens": {"POST": count_tokens},
}
