"""The operations about adapters, performed on this node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from ingle.capabilities.adapters.operation import (
    AdapterDetails,
    Adapters,
    AdapterSummary,
    AddAdapter,
    AllowBase,
    ListAdapters,
    RemoveAdapter,
    ShowAdapter,
)
from ingle.capabilities.store.performer import refresh_shares
from ingle.capabilities.train import aliases
from ingle.errors import InvalidRequest
from ingle.models import adapter_provenance
from ingle.models.model import Model
from ingle.node.performing import Caller, HostedNode
from ingle.operations import Done, Event, Operation


async def perform(
    node: HostedNode, operation: Operation, caller: Caller
) -> AsyncGenerator[Event, None]:
    """The events of an operation about adapters."""
    store = node.local.store
    match operation:
        case AddAdapter(path=path, name=name, link=link):
            adapter = await asyncio.to_thread(store.add_adapter, Path(path), name, link=link)
            yield Adapters(adapters=[_summary(adapter)])
        case ListAdapters():
            found = await asyncio.to_thread(store.adapters)
            yield Adapters(adapters=[_summary(adapter) for adapter in found])
        case ShowAdapter(name=name):
            yield _details(await asyncio.to_thread(store.resolve_adapter, name))
        case AllowBase(name=name, model=model):
            allowed = await asyncio.to_thread(node.local.adapters.allow, name, model)
            yield Done(message=f"{allowed.name} can now be used with {model}")
        case RemoveAdapter(name=name):
            gone = await asyncio.to_thread(node.local.adapters.remove, name)
            yield Done(message=f"{', '.join(gone)}: forgotten")
            await refresh_shares(node)


def _details(adapter: Model) -> AdapterDetails:
    made = adapter_provenance.provenance(adapter.path)
    return AdapterDetails(
        adapter=_summary(adapter),
        path=str(adapter.path),
        base=made.base,
        model=made.model,
        allowed=adapter.bases,
        rank=made.rank,
        alpha=made.alpha,
        targets=made.targets,
        data=made.data,
        step=made.step,
        plan=_current(made.plan),
        losses=made.losses,
    )


def _current(plan: dict[str, Any]) -> dict[str, Any]:
    """How it was trained, with today's names. A stranger's file may hold anything: what is not of
    ours stays as it is."""
    try:
        return aliases.current(plan)
    except InvalidRequest:
        return plan


def _summary(adapter: Model) -> AdapterSummary:
    return AdapterSummary(
        name=adapter.name,
        digest=adapter.digest,
        size=adapter.size,
        architecture=adapter.facts.architecture,
        source=adapter.source,
        added=adapter.added,
    )
