"""Runs that are followed while other things are done, and the processes that make them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from ingle.client.home import AsyncHome
from ingle.client.training import training_request
from ingle.operations import (
    Event,
    FollowRun,
    Train,
    Trained,
    TrainingNote,
    TrainingProgress,
)

SMALL = {"rank": 2, "sequence": 16, "rows": 2, "rate": 1e-2, "warm_up": 1}
FOREVER = {**SMALL, "steps": 1_000_000}


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

    async def _wake(self) -> None:
        async with self._more:
            self._more.notify_all()

    @property
    def notes(self) -> str:
        return "\n".join(event.text for event in self.events if isinstance(event, TrainingNote))


def watch(home: AsyncHome, data: Path, name: str, **options: Any) -> Watched:
    return Watched(home, training_request("tiny", str(data), name, {**FOREVER, **options}))


def processes(module: str, parent: int = 0) -> set[int]:
    """Processes that run a module (also a sandbox around it); children of one, if it is given."""
    found = set()
    for path in Path("/proc").iterdir():
        try:
            if (
                path.name.isdigit()
                and module.encode() in (path / "cmdline").read_bytes().split(b"\0")
                and (not parent or f"\nPPid:\t{parent}\n" in (path / "status").read_text())
            ):
                found.add(int(path.name))
        except OSError:
            continue
    return found
