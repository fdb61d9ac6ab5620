"""`ServedOperation`: one operation that we perform for the other side."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from ingle.errors import Cancelled, IngleError, InvalidRequest
from ingle.operations.encoded import Encoded, Passed, tag
from ingle.operations.events import Started
from ingle.operations.operation import Operation
from ingle.operations.reading import ReceivedOperation
from ingle.protocol.frames import WINDOW, End, EventFrame, Frame, failure, packed
from ingle.protocol.piece_stream import IncomingPieces, PieceStream

log = logging.getLogger(__name__)

Answer = Callable[
    [Operation, PieceStream | None], AbstractAsyncContextManager[AsyncIterator[Passed]]
]
"""Performs an operation; the second is what its caller sends in, where it takes anything."""


class FrameSink(Protocol):
    """Where frames for the other side go."""

    def post(self, frame: Frame) -> None:
        """Queue a frame."""
        ...

    async def drain(self) -> None:
        """Wait while much is unsent."""
        ...


class ServedOperation:
    """The task that answers an operation, what its caller sends in, and the caller's credit.

    Args:
        patience: seconds that it waits for the caller to take events; None: for ever.
    """

    def __init__(
        self,
        sink: FrameSink,
        stream: int,
        asked: ReceivedOperation,
        patience: float | None = None,
    ) -> None:
        self._sink = sink
        self._stream = stream
        self._asked = asked
        self._patience = patience
        self._credit = WINDOW
        self._more = asyncio.Event()
        self._stopped: IngleError | None = None
        self._task: asyncio.Task[None] | None = None
        self.pieces_in = IncomingPieces(sink.post, stream) if asked.capability.inputs else None

    def start(self, answer: Answer, ended: Callable[[], object]) -> None:
        """Begin. ``ended`` is called when nothing of it is left."""
        self._task = asyncio.create_task(self._respond(answer))
        self._task.add_done_callback(lambda task: self._responded(task, ended))

    def stop(self, why: IngleError) -> None:
        """End it, and tell the other side why. Later reasons change nothing."""
        # Once: what ends an operation in order must not be interrupted by the next reason.
        if self._stopped is None and self._task is not None:
            self._stopped = why
            self._task.cancel()

    def give_credit(self, items: int) -> None:
        """The caller takes this many more events."""
        self._credit += items
        self._more.set()

    def put(self, piece: bytes) -> None:
        """A piece arrived.

        Raises:
            ProtocolError: more than there is room for, or not a piece.
        """
        if self._stopped is not None:
            return
        try:
            if self.pieces_in is None:
                raise InvalidRequest("this operation takes no input stream", field="input")
            self.pieces_in.push(piece)
        except InvalidRequest as error:
            self.stop(error)

    async def _respond(self, answer: Answer) -> None:
        asked = self._asked
        try:
            async with answer(asked.operation, self.pieces_in) as answered:
                events = _noting(answered, asked.ignored) if asked.ignored else answered
                async for event in events:
                    while self._credit <= 0:
                        await self._wait_for_credit()
                    self._credit -= 1
                    data = event.data if isinstance(event, Encoded) else packed(event)
                    self._sink.post(EventFrame(self._stream, msgspec.Raw(data)))
                    await self._sink.drain()
        except IngleError as error:
            self._sink.post(failure(self._stream, self._stopped or error))
        except Exception as error:
            # The border of the process: a bug of ours must not take the other
            # operations of this connection with it, and must not stay silent.
            log.exception("an operation failed unexpectedly")
            wrong = IngleError(f"internal error: {error!r}")
            self._sink.post(failure(self._stream, wrong))
        else:
            self._sink.post(End(self._stream))

    async def _wait_for_credit(self) -> None:
        self._more.clear()
        try:
            async with asyncio.timeout(self._patience):
                await self._more.wait()
        except TimeoutError:
            raise Cancelled(f"the events were not read for {self._patience:.0f} s") from None

    def _responded(self, task: asyncio.Task[None], ended: Callable[[], object]) -> None:
        ended()
        if task.cancelled():  # perhaps before it had begun
            error = self._stopped or Cancelled("it was stopped")
            self._sink.post(failure(self._stream, error))


async def _noting(
    events: AsyncIterator[Passed], ignored: list[str]
) -> AsyncGenerator[Passed, None]:
    """Events whose `Started` says which fields were ignored; one is added if there is none."""
    note = Started(model="", digest="", where="local", ignored=ignored)
    told = False
    async for event in events:
        if not told and tag(event) not in ("status", "reaching"):
            told = True
            started = event.decode({"started": Started}) if isinstance(event, Encoded) else event
            if isinstance(started, Started):
                yield msgspec.structs.replace(started, ignored=[*started.ignored, *ignored])
                continue
            yield note
        yield event
    if not told:
        yield note
