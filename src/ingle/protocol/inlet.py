"""`Inlet`: the pieces that a caller sends into an operation that is performed here."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from ingle.errors import InvalidRequest, ProtocolError
from ingle.operations.encoded import Encoded
from ingle.operations.operation import Piece
from ingle.protocol.frames import PIECES, Frame, Room


class Feed(Protocol):
    """Pieces for an operation, encoded or not. Ends when the caller sends no more."""

    def __aiter__(self) -> AsyncIterator[Encoded | Piece]:
        """An asynchronous iterator over the pieces."""
        ...


class Inlet:
    """See `Feed`. Holds at most `PIECES`: a caller that sends more has broken the protocol.

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

    def push(self, piece: Encoded) -> None:
        """A piece arrived.

        Raises:
            ProtocolError: more than there is room for.
            InvalidRequest: it comes after the last one.
        """
        if self._closed:
            raise InvalidRequest("a piece was sent after the last one", field="input")
        if len(self._pieces) >= PIECES:
            raise ProtocolError("more pieces were sent into a stream than it has room for")
        self._pieces.append(piece)
        self._more.set()

    def close(self) -> None:
        """The caller sends no more."""
        self._closed = True
        self._more.set()

    def __aiter__(self) -> Inlet:
        return self

    async def __anext__(self) -> Encoded:
        while not self._pieces:
            if self._closed:
                raise StopAsyncIteration
            self._more.clear()
            await self._more.wait()
        self._taken += 1
        if self._taken >= PIECES // 2:
            self._post(Room(self._stream, self._taken))
            self._taken = 0
        return self._pieces.popleft()
