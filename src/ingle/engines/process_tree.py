"""A process and those that it started: their memory, and their end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path


def members(pid: int) -> list[int]:
    """A process and its descendants, parents first; the process alone where there is no /proc."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def memory(pid: int) -> int:
    """Resident bytes of a process and its descendants; 0 where the platform does not tell."""
    return sum(_loaded_model(member) for member in members(pid))


async def kill(pid: int) -> None:
    """Kill a process that leads its group, the group, and all descendants; return when the
    descendants have ended (on Linux, where there are handles to wait for). The process itself
    is left to the process that reaps it.

    Descendants are killed one by one since they may have left the group, and those in a
    sandbox, whose own init dies with it, end a moment later than the process around them.
    """
    family = members(pid)
    with _handles(family[1:]) as handles:
        kill_group(pid)
        for member in family[1:]:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(member, signal.SIGKILL)
        for handle in handles:
            await _readable(handle)


def kill_group(pid: int) -> None:
    """Kill what there is of the group that a process leads or led."""
    # macOS answers "not permitted" if all of the group are dead but not reaped.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


@contextlib.contextmanager
def _handles(pids: list[int]) -> Iterator[list[int]]:
    """Descriptors that become readable when these processes end."""
    handles: list[int] = []
    try:
        if sys.platform == "linux" and hasattr(os, "pidfd_open"):
            for pid in pids:
                with contextlib.suppress(OSError):  # it has ended, or the kernel has no handles
                    handles.append(os.pidfd_open(pid))
        yield handles
    finally:
        for handle in handles:
            os.close(handle)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


def _loaded_model(pid: int) -> int:
    with contextlib.suppress(OSError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0
