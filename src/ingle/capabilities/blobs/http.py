"""HTTP routes of blobs: bodies of any size, streamed into the node and out of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from ingle.capabilities.blobs.operation import (
    BlobPiece,
    BlobState,
    ForgetBlob,
    GetBlob,
    PutBlob,
)
from ingle.errors import InvalidRequest
from ingle.operations import Done, Event
from ingle.operations.operation import Bytes
from ingle.server.endpoint import EndpointContext, Table
from ingle.server.exchange import Exchange
from ingle.wire.sse import encode

PIECE = 1 << 20
BYTES = "application/octet-stream"


def table(floor: EndpointContext) -> Table:
    """The routes."""
    return {"/v1/blobs/{sha256}": {"PUT": put, "GET": get, "DELETE": forget}}


async def put(exchange: Exchange) -> None:
    """``PUT /v1/blobs/{sha256}``: the body's bytes, from the byte that ``offset`` says.

    An empty body with a ``size`` asks how much is there, for a client that was cut off.
    """
    sha256 = exchange.params["sha256"]
    offset = _number(exchange.query.get("offset", "0"), "offset")
    declared = exchange.headers.get("content-length", "")
    size = _number(exchange.query.get("size", ""), "size") if "size" in exchange.query else None
    if size is None:
        size = offset + _number(declared, "content-length")
    begins: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def pieces() -> AsyncGenerator[Bytes, None]:
        if await begins != offset:
            raise InvalidRequest(
                f"{begins.result()} bytes have arrived; continue with ?offset={begins.result()}",
                field="offset",
            )
        async for data in exchange.body_pieces(PIECE):
            yield Bytes(data=data)

    state = BlobState(there=0, size=size)
    asks = declared == "0" and size > 0
    feed = None if asks else pieces()
    request = PutBlob(sha256=sha256, size=size)
    async with exchange.node.perform(request, feed) as events:
        async for event in events:
            if isinstance(event, BlobState):
                state = event
                if not begins.done():
                    begins.set_result(offset if event.complete else event.there)
    await exchange.reply(
        encode({"sha256": sha256, "there": state.there, "size": size, "complete": state.complete}),
        status=201 if state.complete else 202,
    )


async def get(exchange: Exchange) -> None:
    """``GET /v1/blobs/{sha256}``, from ``start`` to ``end`` if these are in the query."""
    start = _number(exchange.query.get("start", "0"), "start")
    end = _number(exchange.query["end"], "end") if "end" in exchange.query else None
    request = GetBlob(sha256=exchange.params["sha256"], start=start, end=end)
    await exchange.stream(exchange.node.perform(request), _Body())


async def forget(exchange: Exchange) -> None:
    """``DELETE /v1/blobs/{sha256}``."""
    await exchange.ask(ForgetBlob(sha256=exchange.params["sha256"]), Done)
    await exchange.reply(b"", status=204)


class _Body:
    """The pieces as they are. See `ingle.wire.dialect.EventStream`."""

    content_type = BYTES

    def add(self, event: Event) -> bytes:
        return event.data if isinstance(event, BlobPiece) else b""

    def end(self) -> bytes:
        return b""

    def fail(self, error: Exception) -> bytes:
        return b""


def _number(text: str, field: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise InvalidRequest(f"{field}: must be a number of bytes", field=field)
    return int(text)
