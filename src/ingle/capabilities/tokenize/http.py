"""HTTP routes of tokenizing."""

from __future__ import annotations

from ingle.capabilities.tokenize.operation import Detokenized, Tokenized
from ingle.server.endpoint import EndpointContext, Table
from ingle.server.exchange import Exchange
from ingle.wire import tokenization


def table(floor: EndpointContext) -> Table:
    """The routes."""
    return {
        "/v1/tokenize": {"POST": tokenize},
        "/tokenize": {"POST": tokenize},
        "/v1/detokenize": {"POST": detokenize},
        "/detokenize": {"POST": detokenize},
    }


async def tokenize(exchange: Exchange) -> None:
    """``POST /v1/tokenize``."""
    operation = tokenization.parse_tokenize(await exchange.body())
    await exchange.reply(tokenization.tokenized(await exchange.ask(operation, Tokenized)))


async def detokenize(exchange: Exchange) -> None:
    """``POST /v1/detokenize``."""
    operation = tokenization.parse_detokenize(await exchange.body())
    await exchange.reply(tokenization.detokenized(await exchange.ask(operation, Detokenized)))
