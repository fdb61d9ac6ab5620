"""A node's own affairs: its models, its memory, itself."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, aclosing, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ingle.engines.probe import EngineReport, probe
from ingle.errors import CapabilityMissing
from ingle.models import fit, lora
from ingle.node import memory
from ingle.node.ledger import Received
from ingle.operations import (
    AdapterDetails,
    Adapters,
    AdapterSummary,
    AddAdapter,
    AllowBase,
    CopyModel,
    DeviceInfo,
    DiskUse,
    Done,
    Event,
    FitModel,
    Ledger,
    LedgerPage,
    ListAdapters,
    ListModels,
    Load,
    Loaded,
    Models,
    NodeStatus,
    Operation,
    Progress,
    Prune,
    Pull,
    RemoveAdapter,
    RemoveModel,
    Resume,
    ShowAdapter,
    ShowModel,
    Shown,
    Shutdown,
    Status,
    StatusReport,
    Suspend,
    Unload,
    operation_name,
)

if TYPE_CHECKING:
    from ingle.models.model import Model
    from ingle.models.store import Store
    from ingle.node.ledger import EgressLedger
    from ingle.node.local import LocalNode
    from ingle.node.scheduler import Scheduler
    from ingle.node.wants import Wants


class Affairs:
    """Performs every operation that no model performs."""

    def __init__(
        self,
        node: LocalNode,
        store: Store,
        scheduler: Scheduler,
        wants: Wants,
        ledger: EgressLedger,
    ) -> None:
        self._node = node
        self._store = store
        self._scheduler = scheduler
        self._wants = wants
        self._ledger = ledger
        self._started = time.time()
        self._probe: asyncio.Task[dict[str, EngineReport]] | None = None

    async def close(self) -> None:
        """Stop what goes on in the background."""
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)

    async def perform(self, operation: Operation) -> AsyncGenerator[Event, None]:
        """The events of an affair."""
        match operation:
            case ListModels():
                yield Models(models=await asyncio.to_thread(self._store.models))
            case ShowModel(model=name):
                yield Shown(model=await asyncio.to_thread(self._store.details, name))
            case FitModel():
                async for report in self._fit(operation):
                    yield report
            case Pull():
                async for event in self._pull(operation):
                    yield event
            case CopyModel(model=name, to=to):
                model = await asyncio.to_thread(self._store.copy, name, to)
                yield Done(message=f"{model.name} is {model.digest}")
            case RemoveModel(model=name):
                yield Done(message=await asyncio.to_thread(self._store.remove, name))
            case DiskUse():
                yield await asyncio.to_thread(self._store.disk_usage)
            case Prune(partials=partials, dry_run=dry_run):
                yield await asyncio.to_thread(self._store.prune, partials, dry_run)
            case NodeStatus(probe=ask):
                yield await self._status(ask)
            case Load():
                async for event in self._load(operation):
                    yield event
            case Unload(model=name, force=force):
                yield Done(message=await self._unload(name, force))
            case Suspend():
                await self._scheduler.suspend()
                yield Done(message="suspended; all models are out of memory")
            case Resume():
                await self._scheduler.resume()
                yield Done(message="resumed")
            case Shutdown():
                yield Done(message="the node stops")
                self._node.shut_down()
            case Ledger(limit=limit, offset=offset, to=to):
                yield LedgerPage(entries=self._ledger.entries(limit, offset, to))
            case AddAdapter(path=path, name=name, link=link):
                adapter = await asyncio.to_thread(
                    self._store.add_adapter, Path(path), name, link=link
                )
                yield Adapters(adapters=[_adapter(adapter)])
            case ListAdapters():
                found = await asyncio.to_thread(self._store.adapters)
                yield Adapters(adapters=[_adapter(adapter) for adapter in found])
            case ShowAdapter(name=name):
                yield _details(await asyncio.to_thread(self._store.resolve_adapter, name))
            case AllowBase(name=name, model=model_name):
                allowed = await asyncio.to_thread(self._node.adapters.allow, name, model_name)
                yield Done(message=f"{allowed.name} may be used on {model_name}")
            case RemoveAdapter(name=name):
                gone = await asyncio.to_thread(self._node.adapters.remove, name)
                yield Done(message=f"{', '.join(gone)}: forgotten")
            case _:
                raise CapabilityMissing(f"this node cannot perform {operation_name(operation)!r}")

    async def devices(self) -> list[DeviceInfo]:
        """The devices as the engines report them; the CPU with our own reading of its memory."""
        reports = await self._reports()
        found = [device for report in reports.values() for device in report.devices]
        unique = {device.name: device for device in found if device.kind != "cpu"}
        return [*unique.values(), memory.cpu_device()]

    async def _reports(self) -> dict[str, EngineReport]:
        if self._probe is None:
            self._probe = asyncio.create_task(probe())
        return await asyncio.shield(self._probe)

    async def _fit(self, operation: FitModel) -> AsyncGenerator[Event, None]:
        from ingle.models.remote import facts_of

        name, facts = await facts_of(
            self._store, operation.model, egress=self._node.settings.egress
        )
        devices = await self.devices()
        context = operation.context or min(facts.context_length or 4096, 8192)
        slots = operation.slots or self._node.settings.slots or 1
        for report in fit.predict(facts, model=name, context=context, slots=slots, devices=devices):
            yield report

    async def _pull(self, operation: Pull) -> AsyncGenerator[Event, None]:
        from ingle.models.pull import pull

        with self._noted(operation) as told:
            async with aclosing(
                pull(self._store, operation, egress=self._node.settings.egress)
            ) as events:
                async for event in events:
                    if isinstance(event, Progress) and event.stage == "downloading":
                        told.bytes_in = max(told.bytes_in, event.completed)
                    yield event

    def _noted(self, operation: Pull) -> AbstractContextManager[Received]:
        """The ledger's entry of a pull; a copy from this disk leaves no trace there."""
        from ingle.models.sources import HttpSource, HubSource, parse_source

        source = parse_source(operation)
        if not isinstance(source, (HttpSource, HubSource)):
            return nullcontext(Received())
        entry = self._ledger.begin(
            to=operation.source or operation.model,
            operation="pull",
            model=operation.model,
            bytes_out=0,
        )
        return self._ledger.outcome(entry)

    async def _status(self, ask: bool) -> StatusReport:
        known = self._probe is not None and self._probe.done()
        reports = await self._reports() if ask or known else {}
        now = time.monotonic()
        devices = await self.devices() if reports else [memory.cpu_device()]
        return StatusReport(
            version=version("ingle"),
            pid=os.getpid(),
            started=self._started,
            state_dir=str(self._node.settings.state_path),
            devices=devices,
            workers=[resident.info(now) for resident in self._scheduler.residents],
            memory_budget=self._scheduler.budget,
            memory_used=self._scheduler.reserved,
            engines={name: report.version or report.problem for name, report in reports.items()},
            problems={name: report.problem for name, report in reports.items() if report.problem},
            rss=memory.own_resident(),
            suspended=self._scheduler.suspended,
            upstreams=list(self._node.settings.upstreams),
        )

    async def _load(self, operation: Load) -> AsyncGenerator[Event, None]:
        model = self._store.resolve(operation.model)
        role = "generate" if "chat" in model.capabilities else "embed"
        want = self._wants.for_model(
            model,
            role=role,  # type: ignore[arg-type]
            context=operation.context,
            slots=operation.slots,
            keep_alive=operation.keep_alive,
            adapters=operation.adapters,
        )
        if self._scheduler.state_for(want) == "loading":
            yield Status(state="loading", detail=model.name)
        resident = await self._scheduler.load(want)
        yield Loaded(worker=resident.info(time.monotonic()))

    async def _unload(self, name: str, force: bool) -> str:
        digest = self._store.resolve(name).digest if name else ""
        keys = [
            (resident.spec.digest, resident.spec.role)
            for resident in self._scheduler.residents
            if not digest or resident.spec.digest == digest
        ]
        await self._scheduler.unload([*keys, *self._upstream_keys(name)], force=force)
        return f"{len(keys)} unloaded"

    def _upstream_keys(self, name: str) -> list[tuple[str, str]]:
        """Upstream workers go with everything, never with one model."""
        return (
            [] if name else [(f"upstream:{n}", "generate") for n in self._node.settings.upstreams]
        )


def _details(adapter: Model) -> AdapterDetails:
    made = lora.provenance(adapter.path)
    return AdapterDetails(
        adapter=_adapter(adapter),
        path=str(adapter.path),
        base=made.base,
        model=made.model,
        allowed=adapter.bases,
        rank=made.rank,
        alpha=made.alpha,
        targets=made.targets,
        data=made.data,
        step=made.step,
        plan=made.plan,
        losses=made.losses,
    )


def _adapter(adapter: Model) -> AdapterSummary:
    return AdapterSummary(
        name=adapter.name,
        digest=adapter.digest,
        size=adapter.size,
        architecture=adapter.facts.architecture,
        source=adapter.source,
        added=adapter.added,
    )
