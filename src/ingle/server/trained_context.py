"""Contexts that Ollama's clients ask for without looking at the model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from ingle.capabilities.embed.operation import Embed
from ingle.capabilities.node.operation import Load
from ingle.errors import InvalidRequest
from ingle.operations import Generation
from ingle.server.exchange import Exchange

O = TypeVar("O", bound=Generation | Embed | Load)  # noqa: E741
T = TypeVar("T")


async def within_trained(
    exchange: Exchange, operation: O, perform: Callable[[O], Awaitable[T]]
) -> T:
    """Perform an operation; where it wants more context than its model was trained for, with that.

    As at Ollama, which has ``num_ctx`` for an upper bound of what is reserved. A prompt that does
    not fit is refused all the same. Where the model is, and so who knows, is the node's affair:
    the refusal says how much it was trained for.
    """
    try:
        return await perform(operation)
    except InvalidRequest as error:
        trained = error.details.get("trained")
        if exchange.started or not isinstance(trained, int):
            raise
    return await perform(msgspec.structs.replace(operation, context=trained))
