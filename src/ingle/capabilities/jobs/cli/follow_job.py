"""Attending a job in a terminal: its events as they come, and what Ctrl-C does."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from ingle.cli.command import flags, run
from ingle.cli.output import Output
from ingle.errors import Cancelled, IngleError
from ingle.operations import Done, Event, Operation

if TYPE_CHECKING:
    from ingle.client.home import AsyncHome


def attend(
    output: Output,
    request: Operation,
    *,
    last: type[Event],
    show: Callable[[Event], None],
    stop: Operation | None = None,
) -> Event | None:
    """Show a job until it ends; its last event. None: it keeps running without us.

    Args:
        last: the event that ends it.
        show: shows any other.
        stop: what the first Ctrl-C asks, to have it save and stop; None: we only follow, and
            Ctrl-C leaves it as it is.
    """

    async def work() -> Event | None:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await _attend(output, home, request, last, show, stop)

    return run(work)


async def _attend(
    output: Output,
    home: AsyncHome,
    request: Operation,
    last: type[Event],
    show: Callable[[Event], None],
    stop: Operation | None,
) -> Event | None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    stopping: list[asyncio.Task[None]] = []

    async def ask(stop: Operation) -> None:
        with contextlib.suppress(IngleError):  # it has ended by itself, and says how
            await home.ask(stop, Done)

    def interrupted() -> None:
        if stop is None or stopping:
            task.cancel()
            return
        output.note("\nsaving and stopping; press Ctrl-C again to quit immediately")
        stopping.append(asyncio.create_task(ask(stop)))

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)
    try:
        async with home.node.perform(request) as events:
            async for event in events:
                if isinstance(event, last):
                    return event
                if isinstance(event, Done):
                    output.note(event.message)
                    return None
                show(event)
    except Cancelled:
        output.note("stopped before it started")
        raise
    finally:
        for waiting in stopping:
            await asyncio.wait([waiting], timeout=5.0)
    return None
