"""LocalNode: the node of this machine, hosted in this process."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import msgspec

from ingle.config import Settings
from ingle.engines.engine import LoadSpec
from ingle.engines.process import WorkerProcess
from ingle.errors import EgressRefused
from ingle.models.adapters import Adapters
from ingle.models.store import Store
from ingle.node import echo, images, memory
from ingle.node.affairs import Affairs
from ingle.node.ledger import EgressLedger
from ingle.node.lock import NodeLock
from ingle.node.resident import OWNER
from ingle.node.routes import Route, choose, is_loopback_url, split_adapters
from ingle.node.scheduler import Lease, Scheduler, Want
from ingle.node.training import OPERATIONS as TRAINING
from ingle.node.training import Trainings
from ingle.node.wants import Wants
from ingle.operations import (
    Chat,
    Complete,
    Detokenize,
    Embed,
    Embedded,
    Event,
    Generation,
    ModelOperation,
    Operation,
    Reasoning,
    Rerank,
    Reranked,
    Started,
    Status,
    Text,
    Timing,
    Tokenize,
    ToolCallPiece,
    operation_name,
)

EXPIRY_S = 1.0
"""How often, at most, idle models are looked at."""

_MODEL_OPERATIONS = (Chat, Complete, Embed, Rerank, Tokenize, Detokenize)


class LocalNode:
    """See `ingle.node.node.Node`. Made by `open`, ended by `aclose`.

    One per state directory: a lock holds others off.
    """

    def __init__(self, settings: Settings, lock: NodeLock) -> None:
        self.settings = settings
        self._lock = lock
        state = settings.state_path
        self._logs = state / "logs"
        self._logs.mkdir(exist_ok=True)
        self.store = Store(settings.models_path)
        self.adapters = Adapters(self.store)
        self.ledger = EgressLedger(state / "node.sqlite3")
        self._budget = memory.Budget(settings.memory_bytes())
        self.scheduler = Scheduler(
            budget=lambda: self._budget.total,
            available=self._budget.free,
            queue=settings.queue,
            start=self._start,
        )
        self._wants = Wants(self.store, self.adapters, settings, self._budget)
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the node was told to shut down."""
        self.last_used = time.monotonic()
        """When the last operation began or ended."""
        self.under_way = 0
        """Operations being performed."""
        self._affairs = Affairs(self, self.store, self.scheduler, self._wants, self.ledger)
        self.trainings = Trainings(self, state)
        self._expiry = asyncio.create_task(self._expire())
        self._devices: asyncio.Task[None] | None = None
        if memory.may_have_gpu():
            self._devices = asyncio.create_task(self._learn_devices())

    @classmethod
    async def open(cls, settings: Settings) -> LocalNode:
        """Host the node of a state directory in this process.

        Raises:
            NodeAlreadyRunning: another process hosts it.
        """
        lock = NodeLock(settings.state_path)
        lock.acquire()
        try:
            return cls(settings, lock)
        except BaseException:
            lock.release()
            raise

    async def aclose(self) -> None:
        """Stop all work and end the workers."""
        tasks = [task for task in (self._expiry, self._devices) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.trainings.close()
        await self._affairs.close()
        await self.scheduler.close()
        self.ledger.close()
        self._lock.release()
        if not self.closed.done():
            self.closed.set_result(None)

    def shut_down(self) -> None:
        """Ask whoever hosts the node to close it."""
        if not self.closed.done():
            self.closed.set_result(None)

    def perform(self, operation: Operation) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        return self.perform_for(OWNER, operation)

    @asynccontextmanager
    async def perform_for(
        self, party: str, operation: Operation
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """As `perform`, for a guest: it waits behind the owner, and shares no cached prompt."""
        if isinstance(operation, Generation):
            operation = split_adapters(operation)  # type: ignore[arg-type]
        if isinstance(operation, Generation) and operation.cache_scope != party:
            operation = msgspec.structs.replace(operation, cache_scope=party)
        events = self._events(operation, party)
        with self.in_use():
            try:
                yield events
            finally:
                await events.aclose()

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """The node is not idle."""
        self.last_used = time.monotonic()
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1
            self.last_used = time.monotonic()

    def _events(self, operation: Operation, party: str) -> AsyncGenerator[Event, None]:
        if isinstance(operation, _MODEL_OPERATIONS):
            route = choose(operation, self.settings)
            if route.upstream is not None:
                return self._on_upstream(operation, route)
            return self._on_model(operation, party)
        if isinstance(operation, TRAINING):
            return self.trainings.perform(operation, party)
        return self._affairs.perform(operation)

    async def _on_model(self, operation: ModelOperation, party: str) -> AsyncGenerator[Event, None]:
        operation = await self.with_images(operation)
        if self._devices is not None:
            await asyncio.shield(self._devices)
        for part in echo.parts(operation):
            want, model = self._wants.for_operation(part)
            want = want._replace(party=party)
            started = Started(model=model.name, digest=model.digest, where="local")
            async with contextlib.aclosing(self._run(part, want, started)) as events:
                async for event in events:
                    if part is operation or echo.keeps(part, event):
                        yield event

    async def with_images(self, operation: ModelOperation) -> ModelOperation:
        """The operation with the bytes of its images in place of their URLs."""
        if isinstance(operation, Chat) and images.has_urls(operation):
            entry = self.ledger.begin(
                to="image servers", operation="fetch_image", model=operation.model, bytes_out=0
            )
            with self.ledger.outcome(entry) as told:
                operation = await images.inline(operation, egress=self.settings.egress)
                told.bytes_in = images.size(operation)
        return operation

    async def _on_upstream(
        self, operation: ModelOperation, route: Route
    ) -> AsyncGenerator[Event, None]:
        assert route.upstream is not None
        if self.settings.egress == "deny" and not is_loopback_url(route.upstream.base_url):
            raise EgressRefused(
                f"{route.name} is another machine, and nothing may leave this device",
                hint="ingle config set egress allow",
            )
        operation = msgspec.structs.replace(operation, model=route.model, on="")
        started = Started(model=route.model, digest="", where=f"upstream:{route.name}")
        want = self._wants.for_upstream(route)
        entry = self.ledger.begin(
            to=f"upstream:{route.name}",
            operation=operation_name(operation),
            model=route.model,
            bytes_out=len(msgspec.json.encode(operation)),
        )
        with self.ledger.outcome(entry) as told:
            async with contextlib.aclosing(self._run(operation, want, started)) as events:
                async for event in events:
                    if isinstance(event, (Text, Reasoning)):
                        told.bytes_in += len(event.text.encode())
                    elif isinstance(event, Embedded):
                        told.bytes_in += len(event.data)
                    yield event

    async def _run(
        self, operation: ModelOperation, want: Want, started: Started
    ) -> AsyncGenerator[Event, None]:
        """Wait for slots, have a worker perform it, pass its events on."""
        asked = time.monotonic()
        state = self.scheduler.state_for(want)
        if state != "ready":
            yield Status(state=state, detail=want.spec.model)  # type: ignore[arg-type]
        lease = await self.scheduler.acquire(want)
        try:
            call = lease.worker.call(operation)
        except BaseException:
            self.scheduler.release(lease)
            raise
        # The slot is free when the worker says so, which after a cancel is a
        # moment later than our caller needs to wait.
        call.ended.add_done_callback(lambda _: self.scheduler.release(lease))
        first_token_s = 0.0
        try:
            yield started
            async for event in call:
                if not first_token_s and isinstance(event, (Text, Reasoning, ToolCallPiece)):
                    first_token_s = time.monotonic() - asked
                elif isinstance(event, Timing):
                    event = _timed(event, lease, asked, first_token_s)
                elif isinstance(event, (Embedded, Reranked)):
                    event = msgspec.structs.replace(
                        event, model=started.model, digest=started.digest, where=started.where
                    )
                yield event
        finally:
            call.cancel()

    async def _start(self, spec: LoadSpec, network: bool) -> WorkerProcess:
        log_file: Path = self._logs / "workers.log"
        return await WorkerProcess.start(spec, network=network, log_file=log_file)

    async def _learn_devices(self) -> None:
        self._budget.learn(await self._affairs.devices())

    async def _expire(self) -> None:
        while True:
            due = self.scheduler.expire()
            await asyncio.sleep(min(due, EXPIRY_S))


def _timed(timing: Timing, lease: Lease, asked: float, first_token_s: float) -> Timing:
    return msgspec.structs.replace(
        timing,
        queued_s=lease.queued_s,
        load_s=lease.load_s,
        first_token_s=first_token_s,
        total_s=time.monotonic() - asked,
    )
