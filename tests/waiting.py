"""Waiting for what another process or thread does, and being slow on purpose.

The only place of the tests that sleeps. What happens on a test's own event loop is waited for by
its event, and time passes by `ingle.testing.virtual_time` where a test is about time.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

DEADLINE_S = 30.0
"""Long enough for a busy machine: only a test that fails waits for so long."""
LOOK_S = 0.005


def eventually(true: Callable[[], object], what: str = "", *, seconds: float = DEADLINE_S) -> None:
    """Return as soon as something is true; fail if it is not in time."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, _late(what, seconds)
        time.sleep(LOOK_S)


async def eventually_async(
    true: Callable[[], object | Awaitable[object]], what: str = "", *, seconds: float = DEADLINE_S
) -> None:
    """As `eventually`, while the event loop runs; what is to be true may be asked for."""
    try:
        async with asyncio.timeout(seconds):
            while not await _found(true()):
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        raise AssertionError(_late(what, seconds)) from None


async def _found(value: object) -> object:
    return await value if inspect.isawaitable(value) else value


def _late(what: str, seconds: float) -> str:
    return f"after {seconds:g} s this is still not so: {what or 'what the test waits for'}"


def slow(seconds: float) -> None:
    """A stand-in takes its time: a slow disk, a slow server."""
    time.sleep(seconds)


async def slow_async(seconds: float) -> None:
    """As `slow`, while the event loop runs."""
    await asyncio.sleep(seconds)


async def turns(count: int = 50) -> None:
    """Let the event loop turn, until all that needs no other process or timer has happened."""
    for _ in range(count):
        await asyncio.sleep(0)
