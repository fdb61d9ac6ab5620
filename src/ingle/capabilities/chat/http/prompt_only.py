"""Requests for no tokens at all: the prompt is read, so that the next one finds it in the cache."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import msgspec

from ingle.node.node import Node
from ingle.operations import (
    Event,
    Finish,
    Note,
    Operation,
    Reasoning,
    Text,
    ToolCallPiece,
    Usage,
)
from ingle.server.exchange import Events


def events_of(node: Node, operation: Operation, *, prompt_only: bool) -> Events:
    """What performing an operation tells; of one for no tokens, what is told beside the answer."""
    return _prompt_only(node, operation) if prompt_only else node.perform(operation)


@asynccontextmanager
async def _prompt_only(node: Node, operation: Operation) -> AsyncIterator[AsyncIterator[Event]]:
    """Perform an operation for one token, which an engine needs to be asked for, without it."""
    async with (
        node.perform(operation) as events,
        aclosing(_without_answer(events)) as remaining,
    ):
        yield remaining


async def _without_answer(events: AsyncIterator[Event]) -> AsyncGenerator[Event, None]:
    async for event in events:
        match event:
            case Text() | Reasoning() | ToolCallPiece() | Note():
                pass
            case Finish():
                yield msgspec.structs.replace(event, reason="length", stop="")
            case Usage():
                yield msgspec.structs.replace(event, completion_tokens=0, reasoning_tokens=0)
            case _:
                yield event
