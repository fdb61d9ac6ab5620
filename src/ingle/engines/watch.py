"""What ends a worker that is out of order: a loop for each sign of it.

They run in the node and ask the kernel or the socket, never the worker's goodwill, and they kill
without a word to it: what is stuck does not listen.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ingle.engines import process_tree
from ingle.engines.child import ChildProcess, Verdict
from ingle.errors import IngleError, MemoryExceeded

TICKS = 20
"""Silence is counted in this many parts. While our own process is stopped nothing is read, and
the answer may be there: that costs one part, not the worker's life."""
MEMORY_LOOK_S = 0.1
"""How often the memory of a working process is looked at. In that time one that fills memory as
fast as it can takes some hundred megabytes. A look takes 0.3 ms."""
MOST_PROCESSES = 512
"""Processes of one worker or run: more than any engine or trainer starts on a large machine."""
IDLE_LOOK_S = 1.0
"""The same for one that has nothing to do."""
PROCESSES_LOOK_S = 0.1
STALL_LOOKS = 20
"""How often per stall limit the progress of requests is looked at."""


async def heartbeat(child: ChildProcess, every: float, silence: float) -> None:
    """Ping it; kill it if it does not answer for so long."""
    while not child.connection.closed:
        await asyncio.sleep(every)
        try:
            answered = await child.answers(silence, TICKS)
        except IngleError:
            return
        if not answered:
            await child.condemn(Verdict(f"it did not answer for {silence:g} s and was killed"))


async def memory(child: ChildProcess, ceiling: int, working: asyncio.Event) -> None:
    """Kill it if it has more memory of its own than this.

    Args:
        working: set while it has something to do.
    """
    family = process_tree.ProcessFamily(child.pid)
    while not child.died.done():
        used = process_tree.own_memory(child.pid, family.members())
        if used > ceiling:
            await child.condemn(_too_large(used, ceiling))
            return
        if working.is_set():
            await asyncio.sleep(MEMORY_LOOK_S)
            continue
        try:
            async with asyncio.timeout(IDLE_LOOK_S):
                await working.wait()
        except TimeoutError:
            continue


async def processes(child: ChildProcess) -> None:
    """Kill it if it starts ever more processes."""
    family = process_tree.ProcessFamily(child.pid)
    while not child.died.done():
        if len(family.members(MOST_PROCESSES)) > MOST_PROCESSES:
            reason = f"it started more than {MOST_PROCESSES} processes and was killed"
            await child.condemn(Verdict(reason))
            return
        await asyncio.wait([child.died], timeout=PROCESSES_LOOK_S)


async def loading(child: ChildProcess, silence: float) -> None:
    """Kill it if it does nothing at all for so long, though it has a model to load."""
    done, since = process_tree.activity(child.pid), time.monotonic()
    while done is not None and not child.connection.hello.done():
        await asyncio.sleep(silence / TICKS)
        now = process_tree.activity(child.pid)
        if now != done:
            done, since = now, time.monotonic()
        elif time.monotonic() - since > silence:
            reason = f"it did nothing for {silence:g} s while it loaded, and was killed"
            await child.condemn(Verdict(reason))
            return


async def progress(child: ChildProcess, limit: float, stalled: Callable[[], float]) -> None:
    """Kill it if its requests stand still for so long.

    Args:
        stalled: seconds for which none of them has progressed; 0 if there are none.
    """
    while not child.died.done():
        await asyncio.sleep(limit / STALL_LOOKS)
        if stalled() > limit:
            reason = f"its requests made no progress for {limit:g} s, and it was killed"
            hint = "if this device is that slow: ingle config set stall -1"
            await child.condemn(Verdict(reason, hint=hint))
            return


def _too_large(used: int, ceiling: int) -> Verdict:
    return Verdict(
        f"it used {_gib(used)} of memory of its own, its limit is {_gib(ceiling)}, "
        "and it was killed",
        MemoryExceeded,
        hint=(
            "make the request smaller, or raise the limit: "
            f"ingle config set worker_memory {-(-2 * ceiling // 2**30)}GiB"
        ),
        details={"used_bytes": used, "limit_bytes": ceiling},
    )


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
