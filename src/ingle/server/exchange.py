"""One request and its answer: the bridge between HTTP and a node's events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import anyio
from starlette.types import Receive, Scope, Send

from ingle.errors import ClientGone, IngleError
from ingle.node.node import Node, ask
from ingle.operations import ChatResult, Event, Fold, Operation, Started, Usage
from ingle.server.body_budget import BodyBudget, HeldBody
from ingle.server.limits import body_pieces, read_body
from ingle.server.metrics import Metrics
from ingle.server.outbox import Outbox
from ingle.server.settings import ServerSettings
from ingle.wire.dialect import EventStream

T = TypeVar("T")
E = TypeVar("E", bound=Event)
Events = AbstractAsyncContextManager[AsyncIterator[Event]]

JSON = b"application/json"

_FAREWELL_S = 1.0
"""How long an aborted stream may take to tell its client why."""


class Exchange:
    """What a route handler is given.

    While an operation is performed the client is watched: if it leaves, the
    ``async with node.perform(...)`` block is left too, and the engine's slot
    stops. Handlers raise `IngleError`; the endpoint answers in the dialect.
    """

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        node: Node,
        settings: ServerSettings,
        metrics: Metrics,
        budget: BodyBudget,
        held: HeldBody,
    ) -> None:
        self.node = node
        self.settings = settings
        self.scope = scope
        self.began = time.monotonic()
        self.started = False
        """Whether the status line was sent."""
        self._receive = receive
        self._send = send
        self._metrics = metrics
        self._budget = budget
        self._held = held
        self._work: asyncio.Task[Any] | None = None
        self._ending: IngleError | None = None

    @property
    def params(self) -> dict[str, str]:
        """The parameters of the path."""
        return dict(self.scope.get("path_params", {}))

    @property
    def route(self) -> str:
        """The path as the route table writes it: a label without client data."""
        return str(self.scope.get("ingle.route", "unknown"))

    @property
    def request_id(self) -> str:
        """The id in this answer's ``x-request-id`` header."""
        return str(self.scope.get("ingle.request_id", ""))

    @property
    def query(self) -> dict[str, str]:
        """The query of the address; of a name that is there twice the last."""
        return dict(parse_qsl(self.scope.get("query_string", b"").decode("latin-1")))

    def query_values(self, name: str) -> list[str]:
        """All values of a name in the query, which clients may repeat or write as ``name[]``."""
        pairs = parse_qsl(self.scope.get("query_string", b"").decode("latin-1"))
        return [value for key, value in pairs if key in {name, f"{name}[]"}]

    @property
    def headers(self) -> dict[str, str]:
        """The request's headers, in small letters."""
        return {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in self.scope.get("headers", ())
        }

    def body_pieces(self, size: int) -> AsyncGenerator[bytes, None]:
        """The request's body in pieces of at most ``size`` bytes, as they arrive."""
        return body_pieces(self._receive, self.settings.limits, size)

    async def body(self) -> bytes:
        """The request's body, within the limits."""
        return await read_body(
            self.scope, self._receive, self.settings.limits, self._budget, self._held
        )

    async def reply(self, content: bytes, *, status: int = 200, kind: bytes = JSON) -> None:
        """Send a whole answer."""
        self.started = True
        headers = [(b"content-type", kind), (b"content-length", str(len(content)).encode())]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": content})

    async def ask(self, operation: Operation, kind: type[E]) -> E:
        """Perform an operation whose answer is one event, watching the client."""
        return await self.attended(lambda: ask(self.node, operation, kind))

    async def fold(self, operation: Operation, source: Events | None = None) -> ChatResult:
        """Perform a generation and fold its events, watching the client.

        ``source`` is what it is performed by, where that is not the node as it is.
        """
        return await self.attended(lambda: self.folded(operation, source))

    async def folded(self, operation: Operation, source: Events | None = None) -> ChatResult:
        """As `fold`, for callers that already watch the client."""
        fold = Fold()
        async with source or self.node.perform(operation) as events:
            async for event in events:
                fold.add(event)
        return self.counted(fold.result(), operation)

    def counted(self, result: ChatResult, operation: Operation) -> ChatResult:
        """The result, its tokens counted in the metrics."""
        result.model = result.model or getattr(operation, "model", "")
        self._metrics.usage(result.model, result.usage)
        return result

    async def attended(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do the work while the client stays.

        The work is a task of its own, cancelled once: a node may still await
        something while it stops a slot, which an anyio scope would not allow.

        Raises:
            ClientGone: it left; the work was cancelled.
            Cancelled: the server is stopping; the work was cancelled.
        """
        task: asyncio.Task[T] = asyncio.create_task(work())
        self._work = task
        watch = asyncio.create_task(self._watch())
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
            watch.cancel()
            await asyncio.gather(task, watch, return_exceptions=True)
            self._work = None
        if self._ending is not None and (task.cancelled() or task.exception() is not None):
            raise self._ending
        return task.result()

    async def stream(
        self,
        source: Events,
        formatter: EventStream,
        *,
        before_end: Callable[[], Awaitable[None]] | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        """Send the events as the formatter writes them, until they end or the client leaves.

        ``before_end`` runs after the last event and before the client is told
        that it was the last. ``headers`` are sent beside those of a stream.

        The status line waits for the first piece, so that whatever fails before
        it (no such model, too long a prompt) is answered with its true status.

        Raises:
            IngleError: it failed before the first piece, or the client was told.
        """
        sent_headers = [
            (b"content-type", formatter.content_type.encode()),
            (b"cache-control", b"no-cache"),
            (b"x-accel-buffering", b"no"),
            *headers,
        ]
        outbox = Outbox(self._send, sent_headers, pending_bytes=self.settings.limits.pending_bytes)

        async def work() -> None:
            sender = asyncio.create_task(outbox.run())
            stalls = asyncio.create_task(self._abort_stalled(outbox))
            try:
                await self._produce(source, formatter, outbox)
                if before_end is not None:
                    await before_end()
                outbox.put(formatter.end())
                outbox.finish()
                await sender
            finally:
                sender.cancel()
                stalls.cancel()
                await asyncio.gather(sender, stalls, return_exceptions=True)

        try:
            await self.attended(work)
        except IngleError as error:
            self.started = outbox.started
            last = formatter.fail(error)
            if self.started and not isinstance(error, ClientGone) and last:
                outbox.put(last)
                with anyio.move_on_after(_FAREWELL_S):
                    await outbox.flush(more=False)
            raise
        self.started = True

    def abort(self, error: IngleError) -> None:
        """End what is running, as when the server stops; the client is told why."""
        if self._work is not None and self._ending is None:
            self._ending = error
            self._work.cancel()

    async def _produce(self, source: Events, formatter: EventStream, outbox: Outbox) -> None:
        add = formatter.add
        model = ""
        waiting = True
        async with source as events:
            async for event in events:
                chunk = add(event)
                if chunk:
                    outbox.put(chunk)
                    if waiting:
                        waiting = False
                        self._metrics.first_piece(self.route, time.monotonic() - self.began)
                    if outbox.full:
                        await outbox.room()
                if isinstance(event, Started):
                    model = event.model
                elif isinstance(event, Usage):
                    self._metrics.usage(model, event)

    async def _abort_stalled(self, outbox: Outbox) -> None:
        # A client that stops reading would hold its slot for ever.
        limit = self.settings.limits.stalled_s
        while outbox.stalled_s < limit:  # noqa: ASYNC110 - a look now and then is cheaper
            await asyncio.sleep(limit / 4)
        self.abort(ClientGone(f"the client read nothing for {limit:g} s"))

    async def _watch(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.abort(ClientGone("the client disconnected before the answer was complete"))
                return
