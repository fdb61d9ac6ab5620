"""Pieces that a caller sends into an operation: `PieceStream`, and the receiver's end of it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

from ingle.errors import InvalidRequest, ProtocolError
from ingle.operations.encoded import Encoded
from ingle.operations.operation import Piece
from ingle.protocol.frames import MAX_PIECE, PIECES, Frame, PieceCredit


class PieceStream(Protocol):
    """Pieces for an operation, encoded or not. Ends when the caller sends no more."""

    def __aiter__(self) -> AsyncIterator[Encoded | Piece]:
        """An asynchronous iterator over the pieces."""
        ...


class IncomingPieces:
    """See `PieceStream`. Holds at most `PIECES`: a caller that sends more has broken the protocol.

    Args:
        post: queues a frame for the caller.
    """

    def __init__(self, post: Callable[[Frame], None], stream: int) -> None:
        self._post = post
        self._stream = stream
        self._pieces: deque[Encoded] = deque()
        self._closed = False
        self._more = asyncio.Event()
        self._taken = 0

    def push(self, data: bytes) -> None:
        """A piece arrived.

        Raises:
            ProtocolError: more than there is room for, or not a piece.
            InvalidRequest: it comes after the last one, or is too large.
        """
        if self._closed:
            raise InvalidRequest("a piece was sent after the last one", field="input")
        check_size(data)
        if len(self._pieces) >= PIECES:
            raise ProtocolError("received more pieces than the stream's credit allows")
        self._pieces.append(Encoded(data))
        self._more.set()

    def close(self) -> None:
        """The caller sends no more."""
        self._closed = True
        self._more.set()

    def __aiter__(self) -> IncomingPieces:
        return self

    async def __anext__(self) -> Encoded:
        while not self._pieces:
            if self._closed:
                raise StopAsyncIteration
            self._more.clear()
            await self._more.wait()
        self._taken += 1
        if self._taken >= PIECES // 2:
            self._post(PieceCredit(self._stream, self._taken))
            self._taken = 0
        return self._pieces.popleft()


class ReplayablePieces:
    """A feed that can be sent again from its beginning, as long as little of it was taken.

    An operation may have to be asked of another node before the first one has begun with it.
    Each iteration begins with the pieces that are kept; one that is stopped half-way loses none.

    Args:
        feed: where the pieces come from.
    """

    def __init__(self, feed: PieceStream) -> None:
        self._source = aiter(feed)
        self._kept: list[Encoded | Piece] = []
        self._next: asyncio.Task[Encoded | Piece | None] | None = None
        self.whole = True
        """All pieces that were taken are kept."""

    async def __aiter__(self) -> AsyncIterator[Encoded | Piece]:
        for piece in list(self._kept):
            yield piece
        while (taken := await self._take()) is not None:
            yield taken

    async def aclose(self) -> None:
        """Let go of the source."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)
        async with closing_iterator(self._source):
            pass

    async def _take(self) -> Encoded | Piece | None:
        if self._next is None:
            self._next = asyncio.ensure_future(self._pull())
        piece = await asyncio.shield(self._next)
        if piece is None:
            return None  # the end, also for a reader that asks again
        self._next = None
        if self.whole and len(self._kept) <= PIECES:
            self._kept.append(piece)
        else:  # someone has made room, so it was begun
            self.whole = False
            self._kept.clear()
        return piece

    async def _pull(self) -> Encoded | Piece | None:
        return await anext(self._source, None)


def check_size(data: bytes) -> None:
    """Raises InvalidRequest: this is more than one piece may be."""
    if len(data) > MAX_PIECE:
        raise InvalidRequest(
            f"a piece of {len(data)} bytes is over the limit of {MAX_PIECE}", field="input"
        )


@asynccontextmanager
async def closing_iterator(pieces: AsyncIterator[Any]) -> AsyncIterator[AsyncIterator[Any]]:
    """Close an iterator at the end, if it is one that holds something."""
    try:
        yield pieces
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()
