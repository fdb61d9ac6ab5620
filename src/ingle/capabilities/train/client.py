"""Training, from Python."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ingle.capabilities.runs.operation import ListRuns, RunDetails, RunList, ShowRun
from ingle.capabilities.train.operation import (
    RemoveRun,
    RunSummary,
    StopRun,
    Train,
    Trained,
    TrainingSettings,
)
from ingle.capabilities.train.request import ready_to_send, training_request
from ingle.client.methods import Methods
from ingle.operations import Done, Event


class TrainMethods(Methods):
    """Methods of `AsyncHome`."""

    async def train(
        self,
        model: str,
        data: str | Path,
        name: str = "",
        *,
        on_event: Callable[[Event], object] | None = None,
        **options: Any,
    ) -> RunSummary:
        """Train a LoRA adapter; returns when the run has ended, however.

        Args:
            data: a file or folder, or the name of a cached data set.
            name: of the run and its adapter; from the data's name if empty.
            on_event: hears `TrainingNote` and `TrainingProgress`.
            options: any field of `Train` or `TrainingSettings`; names that settings had before
                0.2 are read until 1.0.
        """
        request = training_request(model, str(data), name, options)
        request = await asyncio.to_thread(ready_to_send, request, self.settings)
        return await self._trained(request, on_event)

    async def resume_run(
        self,
        name: str,
        *,
        device: str = "",
        on_event: Callable[[Event], object] | None = None,
    ) -> RunSummary:
        """Resume a run that was paused or interrupted.

        Args:
            device: others of the kind that it began on; empty: where it was.
        """
        settings = TrainingSettings(device=device)
        return await self._trained(Train(name=name, resume=True, settings=settings), on_event)

    async def _trained(
        self, request: Train, on_event: Callable[[Event], object] | None
    ) -> RunSummary:
        async with self.node.perform(request) as events:
            async for event in events:
                if isinstance(event, Trained):
                    return event.run
                if on_event is not None:
                    on_event(event)
        return (await self.ask(ShowRun(name=request.name), RunDetails)).run  # it was detached

    async def runs(self) -> list[RunSummary]:
        """The training runs, the one that changed last first."""
        return (await self.ask(ListRuns(), RunList)).runs

    async def show_run(self, name: str) -> RunDetails:
        """A training run in full, with its curve."""
        return await self.ask(ShowRun(name=name), RunDetails)

    async def stop_run(self, name: str, *, keep: bool = False) -> str:
        """Have a run save and stop; with ``keep`` for good, its adapter goes into the store."""
        return (await self.ask(StopRun(name=name, keep=keep), Done)).message

    async def remove_run(self, name: str) -> None:
        """Delete a run's folder; its adapters stay."""
        await self.ask(RemoveRun(name=name), Done)
