"""Following a training run: what `train` and `runs follow` show, and what Ctrl-C does."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

from ingle.capabilities.train.operation import (
    FollowRun,
    RunSummary,
    StopRun,
    Train,
    Trained,
    TrainingNote,
    TrainingProgress,
)
from ingle.cli.command import flags, run
from ingle.cli.output import Output, age
from ingle.errors import Cancelled, IngleError
from ingle.operations import Done, Event

if TYPE_CHECKING:
    from ingle.client.home import AsyncHome

LINES = 20
"""Lines of progress for a whole run, besides those with a validation loss."""


def attend(output: Output, request: Train | FollowRun) -> RunSummary | None:
    """Show a run until it ends. None: it goes on without us.

    The first Ctrl-C has a run of ours save and stop, and leaves one that we only follow.
    """

    async def work() -> RunSummary | None:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await _attend(output, home, request)

    return run(work)


def told(output: Output, ended: RunSummary | None) -> None:
    """Say how it ended, and what can be done now."""
    if ended is None:
        return
    if output.json:
        output.data(ended)
    elif ended.adapter:
        output.text(f"{ended.adapter}  step {ended.step}  loss {_number(ended.loss)}")
        name = ended.adapter.partition(":")[0]  # its last version
        output.note(f'use it: ingle run {ended.model}+{name} "..."')
    elif ended.made:
        output.text(f"{ended.made}  step {ended.step}  loss {_number(ended.loss)}")
        output.note(f'use it: ingle run {ended.made} "..."')
    elif ended.state == "done":
        output.note("done; what came of it is on the first node")
    if ended.state == "paused":
        if not output.json:
            output.note(
                f"\nsaved at step {ended.step}; go on with: ingle train --resume {ended.name}"
            )
        raise SystemExit(130)


def show(output: Output, event: Event) -> None:
    """One event as a line on stderr."""
    if output.json:
        return
    match event:
        case TrainingNote(text=text) if text:
            output.note(text)
        case TrainingProgress() as at:
            checked = "" if at.validation is None else f"  validation {at.validation:.4f}"
            if at.reward is not None:
                checked = f"  reward {at.reward:.3f}{checked}"
            if checked or at.step == 1 or at.step % max(1, at.steps // LINES) == 0:
                output.note(
                    f"step {at.step}/{at.steps}  loss {at.loss:.4f}{checked}  "
                    f"{at.tokens_per_s:.0f} tokens/s  {age(at.left_s)} left"
                )


async def _attend(output: Output, home: AsyncHome, request: Train | FollowRun) -> RunSummary | None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    stopping: list[asyncio.Task[None]] = []

    async def stop() -> None:
        with contextlib.suppress(IngleError):  # it has ended by itself, and says how
            await home.ask(StopRun(name=request.name), Done)

    def interrupted() -> None:
        if isinstance(request, FollowRun) or stopping:
            task.cancel()
            return
        output.note("\nsaves and stops; once more to leave at once")
        stopping.append(asyncio.create_task(stop()))

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)
    try:
        async with home.node.perform(request) as events:
            async for event in events:
                if isinstance(event, Trained):
                    return event.run
                if isinstance(event, Done):
                    output.note(event.message)
                    return None
                show(output, event)
    except Cancelled:
        output.note("nothing was trained yet")
        raise
    finally:
        for waiting in stopping:
            await asyncio.wait([waiting], timeout=5.0)
    return None


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
