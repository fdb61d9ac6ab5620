"""LocalNode: the node of this machine, hosted in this process."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import shutil
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ingle.config import Settings
from ingle.engines.declaration import EngineDeclaration
from ingle.engines.engine import LoadSpec
from ingle.engines.inbox import Inbox
from ingle.engines.process import WorkerProcess
from ingle.engines.worker_limits import planned_limits
from ingle.errors import EgressRefused, NodeUnreachable
from ingle.models import store_repair
from ingle.models.adapter_store import AdapterStore
from ingle.models.store import Store
from ingle.node import memory_budget
from ingle.node.background_verification import BackgroundVerification, doubtful
from ingle.node.damaged_weights import unloaded
from ingle.node.device_probe import Devices
from ingle.node.device_speeds import DeviceSpeeds
from ingle.node.kept_prompts import KeptPrompts
from ingle.node.ledger import EgressLedger
from ingle.node.loaded_model import OWNER
from ingle.node.model_calls import ModelCalls
from ingle.node.node_blobs import NodeBlobs
from ingle.node.node_lock import NodeLock
from ingle.node.performing import Caller, HostedNode
from ingle.node.prompt_cache import PromptCache
from ingle.node.prompt_size import check_prompts
from ingle.node.routes import Route, choose, is_loopback_url, split_adapters
from ingle.node.scheduler import Scheduler
from ingle.node.slot_requests import SlotRequests
from ingle.node.speculation_record import SpeculationRecord
from ingle.node.stop_marker import StopMarker
from ingle.operations import (
    Event,
    Generation,
    ModelOperation,
    Operation,
    Started,
    operation_name,
    registry,
)
from ingle.operations.capability import Capability, load
from ingle.operations.encoded import Passed, decoded, size, tag
from ingle.private_folders import close_to_others, private_parts
from ingle.protocol.piece_stream import PieceStream
from ingle.temporary_folders import TemporaryFolders

EXPIRY_S = 1.0
"""How often, at most, idle models are looked at."""

P = TypeVar("P")

log = logging.getLogger(__name__)


class LocalNode:
    """See `ingle.node.node.Node`. Made by `open`, ended by `aclose`.

    One per state directory: a lock holds others off.
    """

    def __init__(self, settings: Settings, lock: NodeLock) -> None:
        self.settings = settings
        self._lock = lock
        self.state: Path = settings.state_path
        self.folders = TemporaryFolders(self.state)
        self.folders.remove_abandoned()
        self._logs = self.state / "logs"
        self._logs.mkdir(mode=0o700, exist_ok=True)
        self.store = Store(settings.models_path)
        self.store.put_in_order()
        self._marker = StopMarker(self.state)
        close_to_others(private_parts(self.state, settings.models_path))
        if store_repair.lost_names(self.store):
            for done in store_repair.name_unnamed(self.store):
                log.warning("%s", done)
        self.adapters = AdapterStore(self.store)
        self.ledger = EgressLedger(self.state / "node.sqlite3")
        self.blobs = NodeBlobs(self.state / "blobs")
        self._inboxes = self.state / "inbox"
        shutil.rmtree(self._inboxes, ignore_errors=True)  # of workers that were killed with us
        with contextlib.suppress(OSError):  # a disk that is full or read-only: said when one starts
            self._inboxes.mkdir(mode=0o700)
        self._workers = itertools.count(1)
        self.budget = memory_budget.MemoryBudget(settings.memory_bytes())
        self.speeds = DeviceSpeeds(self.state)
        self.devices = Devices(settings)
        self.scheduler = Scheduler(
            budget=lambda: self.budget.total,
            available=self.budget.free,
            queue=settings.queue,
            start=self._start,
            devices=self.budget.graphics,
            look=self._look_at_devices,
        )
        self.speculation = SpeculationRecord(self.state)
        """For which models guessing tokens ahead was measured to help."""
        self.prompts = KeptPrompts(
            PromptCache(
                self.state,
                settings.models_path,
                settings.prompt_cache_bytes,
                settings.prompt_cache_age_s,
            )
        )
        """What models have read of the owner's long prompts."""
        self.slot_requests = SlotRequests(
            self.store,
            self.adapters,
            settings,
            self.budget,
            self.speculation,
            lambda: self.devices.latest,
        )
        self._calls = ModelCalls(
            self.scheduler, self.blobs, self.budget, self.prompts, self.speeds, self.speculation
        )
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the node was told to shut down."""
        self.started = time.time()
        self.serving = "background"
        """What this process is for: ``background``, or ``foreground`` where others rely on it."""
        self.last_used = time.monotonic()
        """When the last operation began or ended."""
        self.under_way = 0
        """Operations being performed."""
        self.host: HostedNode = self
        """The node as its callers see it: this one, or the one that adds paired devices."""
        self.leaving = False
        """A newer version waits for this node to end."""
        self._parts: dict[type[Any], Any] = {}
        self._expiry = asyncio.create_task(self._expire())
        self.verification = self._verified_again()
        """Of files that the last node's end has made doubtful; None: there are none."""
        self._learning: asyncio.Task[None] | None = None
        if memory_budget.may_have_gpu() or settings.llama_server:
            self._learning = asyncio.create_task(self._learn_devices())

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

    @property
    def local(self) -> LocalNode:
        """Itself; see `HostedNode`."""
        return self

    @property
    def peer_service(self) -> Any:
        """This node alone has no paired devices."""
        return None

    async def aclose(self) -> None:
        """Stop all work and end the workers."""
        tasks = [task for task in (self._expiry, self._learning) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for part in self._parts.values():
            await part.close()
        await self.prompts.close()
        await self.devices.close()
        await self.scheduler.close()
        if self.verification is not None:
            await self.verification.close()
        self.ledger.close()
        self.speculation.save()
        self._marker.end()
        self._lock.release()
        if not self.closed.done():
            self.closed.set_result(None)

    def shut_down(self) -> None:
        """Ask the host of the node to close it."""
        if not self.closed.done():
            self.closed.set_result(None)

    def hand_over(self) -> bool:
        """End as soon as nothing is under way, for a newer version. True: that is now.

        The request that asks is itself running, and the node ends with that. One that is suspended
        stays: the next would not know.
        """
        self.leaving = True
        return self.under_way <= 1 and not self.scheduler.suspended

    def shutdown_error(self) -> NodeUnreachable:
        """What callers are told for whom this node does nothing any more."""
        if self.leaving:
            return NodeUnreachable(
                "the node ended to make way for a newer version", handed_over=True
            )
        return NodeUnreachable("the node is stopping", hint="try again: the next command starts it")

    def part(self, key: type[P], make: Callable[[], P]) -> P:
        """A capability's own state on this node, made when it is first asked for.

        It has a coroutine method ``close``, which is called when the node closes.
        """
        if key not in self._parts:
            self._parts[key] = make()
        found: P = self._parts[key]
        return found

    def perform(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        return self.perform_for(OWNER, operation, feed)

    @asynccontextmanager
    async def perform_for(
        self, principal: str, operation: Operation, feed: PieceStream | None = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """As `perform`, for a guest: it waits behind the owner, and shares no cached prompt."""
        types = registry.of(operation).types
        async with (
            self.relay_for(Caller(principal, feed), operation) as events,
            aclosing(decoded(events, types)) as known,
        ):
            yield known

    def relay(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Passed]]:
        """As `perform`, for those who pass events on: most are still encoded."""
        return self.relay_for(Caller(OWNER, feed), operation)

    @asynccontextmanager
    async def relay_for(
        self, caller: Caller, operation: Operation
    ) -> AsyncIterator[AsyncIterator[Passed]]:
        """As `relay`, for someone else: a guest waits behind the owner."""
        events = self._events(operation, caller)
        with self.in_use():
            try:
                yield events
            finally:
                await events.aclose()

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """The node is not idle.

        Raises:
            NodeUnreachable: it has ended for a newer version.
        """
        if self.leaving and self.closed.done():  # what began now would be cut off
            raise self.shutdown_error()
        self.last_used = time.monotonic()
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1
            self.last_used = time.monotonic()
            if self.leaving and not self.under_way and not self.scheduler.suspended:
                self.shut_down()

    def _events(self, operation: Operation, caller: Caller) -> AsyncGenerator[Passed, None]:
        capability = registry.of(operation)
        if not isinstance(operation, ModelOperation):
            performing: AsyncGenerator[Passed, None] = load(capability.performer)(
                self.host, operation, caller
            )
            return performing
        if isinstance(operation, Generation):
            operation = split_adapters(operation)
            if operation.cache_scope != caller.principal:
                operation = msgspec.structs.replace(operation, cache_scope=caller.principal)
        route = choose(operation, self.settings)
        if route.upstream is not None:
            return self._on_upstream(operation, route, caller)
        return self._here(capability, operation, caller)

    async def prepared(self, operation: ModelOperation) -> ModelOperation:
        """The operation as it may leave for wherever it is performed."""
        prepare = registry.of(operation).prepare
        if not prepare:
            return operation
        prepared: ModelOperation = await load(prepare)(self.host, operation)
        return prepared

    async def _here(
        self, capability: Capability, operation: ModelOperation, caller: Caller
    ) -> AsyncGenerator[Passed, None]:
        operation = await self.prepared(operation)
        if self.devices.outdated and (self._learning is None or self._learning.done()):
            self._learning = asyncio.create_task(self._learn_devices())
        await self.devices_known()
        if capability.performer:
            events = load(capability.performer)(self.host, operation, caller)
        else:
            events = self.on_model(operation, caller)
        async with aclosing(events):
            async for event in events:
                yield event

    async def on_model(
        self, operation: ModelOperation, caller: Caller
    ) -> AsyncGenerator[Passed, None]:
        """Have a model of this machine perform an operation, in a worker.

        Raises:
            ModelNotFound, CapabilityMissing, ContextLengthExceeded, InvalidRequest, DoesNotFit,
            Busy
        """
        operation, slot_request, model = self.slot_requests.for_operation(operation)
        check_prompts(operation, self.scheduler.context_for(slot_request))
        slot_request = slot_request.asked_by(caller.principal)
        started = Started(model=model.name, digest=model.digest, where="local")
        async with aclosing(
            self._calls.perform(operation, slot_request, started, caller)
        ) as events:
            async for event in events:
                yield event

    async def _on_upstream(
        self, operation: ModelOperation, route: Route, caller: Caller
    ) -> AsyncGenerator[Passed, None]:
        assert route.upstream is not None
        if self.settings.egress == "deny" and not is_loopback_url(route.upstream.base_url):
            raise EgressRefused(
                f"{route.name} is another machine, and egress is denied",
                hint="ingle config set egress allow",
            )
        operation = msgspec.structs.replace(operation, model=route.model, on="")
        started = Started(model=route.model, digest="", where=f"upstream:{route.name}")
        slot_request = self.slot_requests.for_upstream(route)
        entry = self.ledger.begin(
            to=f"upstream:{route.name}",
            operation=operation_name(operation),
            model=route.model,
            bytes_out=len(msgspec.json.encode(operation)),
        )
        with self.ledger.outcome(entry) as told:
            async with aclosing(
                self._calls.perform(operation, slot_request, started, caller)
            ) as events:
                async for event in events:
                    if tag(event) not in ("status", "started"):  # which are of this node
                        told.bytes_in += size(event)
                    yield event

    async def _start(
        self, spec: LoadSpec, engine: EngineDeclaration, planned: int
    ) -> WorkerProcess:
        self._marker.used(spec.digest)
        log_file: Path = self._logs / "workers.log"
        inbox = Inbox(self._inboxes / str(next(self._workers)))
        return await WorkerProcess.start(
            spec,
            network=engine.network,
            log_file=log_file,
            inbox=inbox,
            limits=planned_limits(self.settings, engine, planned),
            folders=self.folders,
            largest_file=self.prompts.cache.largest if spec.role == "generate" else 0,
        )

    def _verified_again(self) -> BackgroundVerification | None:
        before = self._marker.before
        if not self.settings.verify_after_crash:
            return None
        if before is not None and not before.clean:
            self._marker.doubt(doubtful(self.store, before))
        if not self._marker.unverified:
            return None
        return BackgroundVerification(
            self.store,
            self._marker,
            busy=lambda: self.under_way > 0,
            damaged=lambda found: unloaded(self.scheduler, found),
        )

    async def devices_known(self) -> None:
        """Wait until the engines have said what devices there are, where there may be any."""
        if self._learning is not None:
            await asyncio.shield(self._learning)

    async def _learn_devices(self) -> None:
        self.budget.learn(await self.devices.found())

    async def _look_at_devices(self, now: bool) -> None:
        """Another program may have taken memory since they were asked."""
        if self.budget.graphics():
            self.budget.learn(await self.devices.asked_again(now=now))

    async def _expire(self) -> None:
        while True:
            due = self.scheduler.expire()
            await asyncio.sleep(min(due, EXPIRY_S))
