"""Blobs are put into this node and got from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import msgspec

from ingle.capabilities.blobs.operation import (
    BlobList,
    BlobPiece,
    BlobState,
    ForgetBlob,
    GetBlob,
    ListBlobs,
    PutBlob,
)
from ingle.errors import InvalidRequest
from ingle.node.node_blobs import BLOCK, NodeBlobs
from ingle.node.performing import Caller, HostedNode
from ingle.operations import Done, Event, Operation
from ingle.operations.encoded import UNREADABLE, Encoded
from ingle.operations.operation import Bytes, Piece
from ingle.protocol.piece_stream import PieceStream


async def perform(
    node: HostedNode, operation: Operation, caller: Caller
) -> AsyncGenerator[Event, None]:
    """The events of an operation about blobs; each principal reaches its own alone."""
    blobs = node.local.blobs
    match operation:
        case PutBlob():
            async for event in _put(blobs, operation, caller):
                yield event
        case GetBlob():
            async for event in _get(blobs, operation, caller.principal):
                yield event
        case ListBlobs():
            yield BlobList(blobs=await asyncio.to_thread(blobs.all, caller.principal))
        case ForgetBlob(sha256=sha256):
            freed = await asyncio.to_thread(blobs.forget, caller.principal, sha256)
            yield Done(message=f"{freed} bytes freed")


async def _put(blobs: NodeBlobs, operation: PutBlob, caller: Caller) -> AsyncGenerator[Event, None]:
    with blobs.begin(caller.principal, operation.sha256, operation.size) as writing:
        size = writing.there if writing.complete else operation.size or 0
        yield BlobState(there=writing.there, size=size, complete=writing.complete)
        if writing.complete or caller.feed is None:
            return
        async for data in _bytes(caller.feed):
            await asyncio.to_thread(writing.add, data)
            if writing.complete:
                break
        if operation.size is None:
            await asyncio.to_thread(writing.finish)
        yield BlobState(there=writing.there, size=size or writing.there, complete=writing.complete)


async def _bytes(feed: PieceStream) -> AsyncGenerator[bytes, None]:
    async for piece in feed:
        yield _read(piece).data


def _read(piece: Encoded | Piece) -> Bytes:
    """Raises InvalidRequest: the piece holds no bytes, or too many."""
    if isinstance(piece, Bytes):
        return piece
    if isinstance(piece, Encoded) and piece.tag == "bytes":
        try:
            return msgspec.msgpack.decode(piece.data, type=Bytes)
        except UNREADABLE as error:
            raise InvalidRequest(f"a piece cannot be read: {error}", field="input") from None
    raise InvalidRequest("received a piece that is not bytes", field="input")


async def _get(blobs: NodeBlobs, operation: GetBlob, principal: str) -> AsyncGenerator[Event, None]:
    with blobs.held(principal, operation.sha256) as path:
        size = path.stat().st_size
        end = size if operation.end is None else operation.end
        if not operation.start <= end <= size:
            raise InvalidRequest(
                f"the blob has {size} bytes; {operation.start} to {end} is out of range",
                field="end",
            )
        yield BlobState(there=size, size=size, complete=True)
        with path.open("rb") as file:
            file.seek(operation.start)
            left = end - operation.start
            while left and (data := await asyncio.to_thread(file.read, min(BLOCK, left))):
                left -= len(data)
                yield BlobPiece(data=data)
