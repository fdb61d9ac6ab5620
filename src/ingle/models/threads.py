"""Work that blocks on the disk, done in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

R = TypeVar("R")


async def in_thread(function: Callable[..., R], *args: Any) -> R:
    """Run something that blocks on the disk in a thread.

    Unlike `asyncio.to_thread`, a cancelled caller still waits for the thread:
    nothing may close a file that a thread writes to.
    """
    task = asyncio.ensure_future(asyncio.to_thread(function, *args))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        task.exception()  # looked at, so that asyncio does not complain: no one waits for it now
        raise
