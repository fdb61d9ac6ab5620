"""The operations about the node itself, performed on it."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator
from importlib.metadata import version

from ingle.capabilities.node.operation import (
    HandOver,
    Ledger,
    LedgerPage,
    Load,
    Loaded,
    NodeStatus,
    Resume,
    Shutdown,
    StatusReport,
    Suspend,
    Unload,
)
from ingle.engines.engine import usual_role
from ingle.node import memory_budget
from ingle.node.engine_infos import engine_infos
from ingle.node.performing import Caller, HostedNode, Services
from ingle.operations import Done, Event, Operation, Status
from ingle.operations.device_info import cards


async def perform(
    node: HostedNode, operation: Operation, caller: Caller
) -> AsyncGenerator[Event, None]:
    """The events of an operation about the node."""
    local = node.local
    match operation:
        case NodeStatus(probe=ask):
            yield await _status(local, ask)
        case Load():
            async for event in _load(local, operation):
                yield event
        case Unload(model=name, force=force):
            yield Done(message=await _unload(local, name, force))
        case Suspend():
            await local.scheduler.suspend()
            yield Done(message="suspended; all models were unloaded")
        case Resume():
            await local.scheduler.resume()
            yield Done(message="resumed")
        case Shutdown():
            yield Done(message="the node is stopping")
            local.shut_down()
        case Ledger(limit=limit, offset=offset, to=to):
            yield LedgerPage(entries=local.ledger.entries(limit, offset, to))
        case HandOver():
            if local.serving != "background":
                yield Done(message="stays")
            else:
                yield Done(message="now" if local.hand_over() else "later")


async def _status(local: Services, ask: bool) -> StatusReport:
    reports = await local.devices.all_reports() if ask else {}
    if not reports and local.devices.known:
        reports = local.devices.latest
    now = time.monotonic()
    devices = await local.devices.found() if reports else [memory_budget.cpu_device()]
    if reports:
        local.budget.learn(devices)
    return StatusReport(
        version=version("ingle"),
        pid=os.getpid(),
        started=local.started,
        state_dir=str(local.settings.state_path),
        devices=cards(devices),
        workers=[loaded_model.info(now) for loaded_model in local.scheduler.loaded_models],
        memory_budget=local.scheduler.budget,
        memory_used=local.scheduler.reserved,
        engines={name: report.version or report.problem for name, report in reports.items()},
        problems={name: report.problem for name, report in reports.items() if report.problem},
        rss=memory_budget.own_model(),
        suspended=local.scheduler.suspended,
        upstreams=list(local.settings.upstreams),
        installed_engines=engine_infos(local.settings, reports) if reports else [],
    )


async def _load(local: Services, operation: Load) -> AsyncGenerator[Event, None]:
    model = local.store.resolve(operation.model)
    await local.devices_known()
    want = local.slot_requests.for_model(
        model,
        role=usual_role(model.capabilities),
        context=operation.context,
        slots=operation.slots,
        keep_alive=operation.keep_alive,
        adapters=operation.adapters,
    )
    if local.scheduler.state_for(want) == "loading":
        yield Status(state="loading", detail=model.name)
    loaded_model = await local.scheduler.load(want)
    yield Loaded(worker=loaded_model.info(time.monotonic()))


async def _unload(local: Services, name: str, force: bool) -> str:
    digest = local.store.resolve(name).digest if name else ""
    keys = local.scheduler.keys_of(digest)
    await local.scheduler.unload(keys, force=force)
    return f"{len(keys)} unloaded"
