"""The store, from Python."""

from __future__ import annotations

from collections.abc import Callable

from ingle.capabilities.store.operation import (
    CopyModel,
    DiskUsage,
    DiskUse,
    FitModel,
    FitReport,
    ListModels,
    ModelDetails,
    Models,
    ModelSummary,
    Prune,
    Pruned,
    Pull,
    Pulled,
    RemoveModel,
    ShowModel,
    Shown,
)
from ingle.capabilities.store.paths import absolute
from ingle.client.methods import Methods
from ingle.operations import Done, Progress

OnProgress = Callable[[Progress], object]


class StoreMethods(Methods):
    """Methods of `AsyncHome`."""

    async def models(self) -> list[ModelSummary]:
        """The models of the store."""
        return (await self.ask(ListModels(), Models)).models

    async def show(self, model: str) -> ModelDetails:
        """Show details of a model."""
        return (await self.ask(ShowModel(model=model), Shown)).model

    async def fit(
        self, model: str, *, context: int | None = None, slots: int | None = None
    ) -> list[FitReport]:
        """Will it fit? One report for each device, best first."""
        request = FitModel(model=model, context=context, slots=slots)
        async with self.node.perform(request) as events:
            return [event async for event in events if isinstance(event, FitReport)]

    async def pull(
        self,
        model: str,
        *,
        source: str = "",
        sha256: str = "",
        on_progress: OnProgress | None = None,
    ) -> ModelSummary:
        """Fetch a model; resumes what was interrupted. Paths may be relative to this process."""
        request = Pull(model=absolute(model), source=absolute(source), sha256=sha256)
        async with self.node.perform(request) as events:
            async for event in events:
                if isinstance(event, Pulled):
                    return event.model
                if on_progress is not None and isinstance(event, Progress):
                    on_progress(event)
        raise AssertionError("a pull ends with Pulled or an error")

    async def copy(self, model: str, to: str) -> None:
        """Copy a model to another name."""
        await self.ask(CopyModel(model=model, to=to), Done)

    async def remove(self, model: str) -> None:
        """Forget a name; the bytes go with the last one."""
        await self.ask(RemoveModel(model=model), Done)

    async def disk_usage(self) -> DiskUsage:
        """Show disk usage."""
        return await self.ask(DiskUse(), DiskUsage)

    async def prune(self, *, partials: bool = False, dry_run: bool = False) -> Pruned:
        """Delete what has no name; interrupted downloads only if asked."""
        return await self.ask(Prune(partials=partials, dry_run=dry_run), Pruned)
