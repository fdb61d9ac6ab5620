"""Responses that are answered without their client: ``background: true``."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from ingle.errors import Busy, IngleError, InvalidRequest
from ingle.operations import ChatResult, Event
from ingle.operations.operation import Operation
from ingle.server.endpoint import EndpointContext
from ingle.wire import sse
from ingle.wire.openai.response_object import Response, failed
from ingle.wire.openai.response_stream import ResponseStream

LOG = logging.getLogger("ingle.server.background")

MOST_RUNNING = 64
MOST_RECORDINGS = 64
"""Finished responses whose events can still be streamed."""

Keep = Callable[[Response, ChatResult | None], Awaitable[None]]
"""What is done with a response that has ended; without a result it has no answer."""

UNDER_WAY = frozenset({"queued", "in_progress"})


class RecordedEvent(Event, frozen=True, kw_only=True, tag="recorded"):
    """An event as it was written for the first client."""

    data: bytes


class BackgroundResponse:
    """One response: its work, and the events so far."""

    def __init__(self, base: Response, stream: ResponseStream, keep: Keep) -> None:
        self.response = base
        self._keep = keep
        self.task: asyncio.Task[None] | None = None
        self._stream = stream
        self._events: list[bytes] = []
        self._grown = asyncio.Event()
        self._record(stream.begin())

    @property
    def running(self) -> bool:
        """Whether it is still being answered."""
        return self.response["status"] in UNDER_WAY

    async def work(self, floor: EndpointContext, operation: Operation) -> None:
        """Answer it, and keep the answer or the failure."""
        try:
            async with floor.node.perform(operation) as events:
                async for event in events:
                    self._take(event)
            result = self._stream.result
            floor.metrics.usage(result.model, result.usage)
            await self._end(self._stream.whole(), result)
            self._record(self._stream.end())
        except IngleError as error:
            await self._end(failed(self.response, error))
            self._record(self._stream.fail(error))
        except Exception as error:
            LOG.exception("response %s failed", self.response["id"])
            fault = IngleError(f"internal error ({type(error).__name__})")
            await self._end(failed(self.response, fault))
            self._record(self._stream.fail(fault))
        finally:
            self._grow()

    async def cancel(self) -> None:
        """End the work. It may not even have begun, so what comes of it is written here."""
        if self.task is None or not self.running:
            return
        self.task.cancel()
        await asyncio.wait([self.task])
        if self.running:
            await self._end({**self.response, "status": "cancelled"})

    @asynccontextmanager
    async def events(self, after: int) -> AsyncIterator[AsyncIterator[Event]]:
        """The events after a sequence number, those to come included."""
        yield self._replayed(after)

    async def _replayed(self, after: int) -> AsyncIterator[Event]:
        # Events are numbered from 0 without gaps, so a number is a place in the list.
        place = after + 1
        while True:
            grown = self._grown
            for data in self._events[place:]:
                yield RecordedEvent(data=data)
            place = max(place, len(self._events))
            if self.task is None or self.task.done():
                return
            await asyncio.wait(
                [self.task, waiting := asyncio.create_task(grown.wait())],
                return_when=asyncio.FIRST_COMPLETED,
            )
            waiting.cancel()

    def _take(self, event: Event) -> None:
        if self.response["status"] == "queued":
            self.response = {**self.response, "status": "in_progress"}
        self._record(self._stream.add(event))

    def _record(self, written: bytes) -> None:
        self._events += [part + b"\n\n" for part in written.split(b"\n\n") if part]
        self._grow()

    def _grow(self) -> None:
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    async def _end(self, response: Response, result: ChatResult | None = None) -> None:
        await self._keep(response, result)
        self.response = response


class RecordedStream:
    """Sends recorded events as they are (see `ingle.wire.dialect.EventStream`)."""

    content_type = sse.CONTENT_TYPE

    def add(self, event: Event) -> bytes:
        return event.data if isinstance(event, RecordedEvent) else b""

    def end(self) -> bytes:
        return b""

    def fail(self, error: IngleError) -> bytes:
        return b""


class BackgroundResponses:
    """Those that are being answered, and the last ones that were."""

    def __init__(self, floor: EndpointContext) -> None:
        self._floor = floor
        self._known: OrderedDict[str, BackgroundResponse] = OrderedDict()

    def start(
        self, base: Response, stream: ResponseStream, operation: Operation, keep: Keep
    ) -> BackgroundResponse:
        """Begin to answer.

        Raises:
            Busy: too many are being answered.
        """
        running = sum(known.running for known in self._known.values())
        if running >= MOST_RUNNING:
            raise Busy(
                f"{running} responses are running in the background",
                queued=running,
                limit=MOST_RUNNING,
            )
        started = BackgroundResponse(base, stream, keep)
        self._known[base["id"]] = started
        started.task = asyncio.create_task(started.work(self._floor, operation))
        self._forget_oldest()
        return started

    def get(self, identifier: str) -> BackgroundResponse | None:
        """One that is running, or has ended not long ago."""
        return self._known.get(identifier)

    async def cancel(self, identifier: str) -> Response | None:
        """End one that is running. None where there is none of this id."""
        known = self._known.get(identifier)
        if known is None:
            return None
        await known.cancel()
        return known.response

    def forget(self, identifier: str) -> None:
        """Let go of the events of one."""
        self._known.pop(identifier, None)

    def close(self) -> None:
        """End all that are running."""
        for known in self._known.values():
            if known.task is not None:
                known.task.cancel()
        self._known.clear()

    def _forget_oldest(self) -> None:
        ended = [name for name, known in self._known.items() if not known.running]
        for name in ended[: max(0, len(ended) - MOST_RECORDINGS)]:
            del self._known[name]


def only_in_background(identifier: str) -> InvalidRequest:
    """The refusal of what only background responses can do."""
    return InvalidRequest(
        f"the response {identifier!r} is not running in the background", field="response_id"
    )
