"""``POST /v1/loudness?model=NAME``: the body is the sound, measured as it arrives."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from ingle.errors import InvalidRequest
from ingle.operations.operation import Bytes
from ingle.server.endpoint import EndpointContext, Table
from ingle.server.exchange import Exchange
from ingle.wire.sse import encode
from ingle_loudness.operation import Level, Loudness, Measured


def table(floor: EndpointContext) -> Table:
    """The routes."""
    return {"/v1/loudness": {"POST": measure}}


async def measure(exchange: Exchange) -> None:
    """Answers with the levels and what was measured."""
    if "model" not in exchange.query:
        raise InvalidRequest("model: which one is to measure?", field="model")

    async def pieces() -> AsyncGenerator[Bytes, None]:
        async for data in exchange.body_pieces(1 << 16):
            yield Bytes(data=data)

    levels, seconds, mean = [], 0.0, 0.0
    request = Loudness(model=exchange.query["model"], on=exchange.query.get("on", ""))
    async with exchange.node.perform(request, pieces()) as events:
        async for event in events:
            if isinstance(event, Level):
                levels.append(event.decibels)
            elif isinstance(event, Measured):
                seconds, mean = event.seconds, event.decibels
    await exchange.reply(encode({"levels": levels, "seconds": seconds, "decibels": mean}))
