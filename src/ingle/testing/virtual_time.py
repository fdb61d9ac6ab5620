"""An event loop whose clock jumps: what takes minutes runs in milliseconds, always the same way."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Jumping(selectors.DefaultSelector):
    """Never waits for a timer: it moves the clock there instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:  # nothing is scheduled; only a thread could wake us
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """`asyncio.sleep`, timeouts and `loop.time` run on a clock of its own, from 0."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


async def elapse(seconds: float) -> None:
    """Let this much virtual time pass, with all that is due in it.

    Raises:
        RuntimeError: the event loop runs on real time, which no one should wait for.
    """
    if not isinstance(asyncio.get_running_loop(), VirtualLoop):
        raise RuntimeError("time elapses only on a loop of ingle.testing.virtual_time.run")
    await asyncio.sleep(seconds)


def run(work: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
