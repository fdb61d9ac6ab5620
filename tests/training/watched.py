"""Runs that are followed while other things are done, and the processes that make them."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any

from ingle.capabilities.train.operation import (
    FollowRun,
    Train,
    Trained,
    TrainingNote,
    TrainingProgress,
)
from ingle.capabilities.train.request import training_request
from ingle.client.home import AsyncHome
from ingle.operations import Event

SMALL = {
    "lora_rank": 2,
    "max_length": 16,
    "batch_size": 2,
    "learning_rate": 1e-2,
    "warmup_steps": 1,
}
FOREVER = {**SMALL, "max_steps": 1_000_000}


class Watched:
    """A run that is followed in a task of its own."""

    def __init__(self, home: AsyncHome, request: Train | FollowRun) -> None:
        self._home = home
        self._request = request
        self.events: list[Event] = []
        self._more = asyncio.Condition()
        self.task = asyncio.create_task(self._watch())

    async def _watch(self) -> Trained | None:
        async with self._home.node.perform(self._request) as events:
            async for event in events:
                self.events.append(event)
                async with self._more:
                    self._more.notify_all()
        last = self.events[-1]
        return last if isinstance(last, Trained) else None

    async def reaches(self, step: int) -> None:
        """Return when it has made a step, or has ended."""

        def there() -> bool:
            steps = [event.step for event in self.events if isinstance(event, TrainingProgress)]
            return self.task.done() or (bool(steps) and steps[-1] >= step)

        self.task.add_done_callback(lambda _: asyncio.ensure_future(self._wake()))
        async with self._more:
            await self._more.wait_for(there)

    async def changed(self) -> None:
        """Return when it has told something, or has ended."""
        count = len(self.events)
        self.task.add_done_callback(lambda _: asyncio.ensure_future(self._wake()))
        async with self._more:
            await self._more.wait_for(lambda: self.task.done() or len(self.events) > count)

    async def _wake(self) -> None:
        async with self._more:
            self._more.notify_all()

    @property
    def notes(self) -> str:
        return "\n".join(event.text for event in self.events if isinstance(event, TrainingNote))


def watch(home: AsyncHome, data: Path, name: str, **options: Any) -> Watched:
    return Watched(home, training_request("tiny", str(data), name, {**FOREVER, **options}))


def processes(module: str) -> set[int]:
    """Processes of this test that run a module, at whatever depth; also a sandbox around one."""
    parents, running = {}, set()
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with contextlib.suppress(OSError):
                status = (path / "status").read_text()
                parents[int(path.name)] = int(status.partition("\nPPid:\t")[2].split("\n")[0])
                if module.encode() in (path / "cmdline").read_bytes().split(b"\0"):
                    running.add(int(path.name))

    def ours(pid: int) -> bool:
        while pid in parents and pid != os.getpid():
            pid = parents[pid]
        return pid == os.getpid()

    return {pid for pid in running if ours(pid)}
