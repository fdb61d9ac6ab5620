"""A process and those that it started: their memory, and their end."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

_OWN_PAGES = re.compile(rb"^(?:RssAnon|VmSwap):\s+(\d+) kB", re.MULTILINE)
STOPPING_ROUNDS = 50
"""How often a family is looked through for those that were started while it was being stopped."""
_PAGE = 4096
_RUSAGE_WORDS, _FOOTPRINT_WORD = 12, 9
"""``struct rusage_info_v0`` in words of eight bytes: a UUID, then nine counters and the two start
times. ``ri_phys_footprint`` is the eighth counter."""


def members(pid: int, most: int = sys.maxsize) -> list[int]:
    """A process and its descendants, parents first; the process alone where there is no /proc.

    Args:
        most: with more of them the search ends. One that goes through thousands, each of which
            starts more, does not come to an end.
    """
    found = [pid]
    for parent in found:
        tasks = f"/proc/{parent}/task"
        with contextlib.suppress(OSError):
            for task in os.listdir(tasks):  # noqa: PTH208 (engines have a hundred threads)
                found += map(int, _contents(f"{tasks}/{task}/children").split())
        if len(found) > most:
            break
    return found


class ProcessFamily:
    """A process and its descendants, for who looks often: they are looked for again only when some
    process or thread was started on this machine since.

    The kernel says which number it gave last (``proc_loadavg(5)``). It gives one a moment before
    the new process can be found, so that a number counts once it was seen twice.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._found = [pid]
        self._newest = b""
        self._settled = False

    def members(self, most: int = sys.maxsize) -> list[int]:
        """As `members`; some of them may have ended."""
        newest = newest_process()
        if newest and newest == self._newest and self._settled:
            return self._found
        self._settled, self._newest = newest == self._newest, newest
        self._found = members(self._pid, most)
        return self._found


def newest_process() -> bytes:
    """The number that was given last; empty where the platform does not tell."""
    try:
        return _contents("/proc/loadavg").rpartition(b" ")[2]
    except OSError:
        return b""


def _contents(path: str) -> bytes:
    """Of a small file of the kernel's. Many are read ten times a second, in the node's own loop:
    this takes a quarter of what a `Path` does.

    Raises:
        OSError: what it tells of is gone.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = b""
        while part := os.read(descriptor, _PAGE):
            data += part
        return data
    finally:
        os.close(descriptor)


def ancestry(pid: int) -> list[int]:
    """A process and its ancestors, as far as the system tells."""
    found: list[int] = []
    while pid > 0:
        found.append(pid)
        try:
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            break
        pid = int(fields[1])
    return found


def memory(pid: int) -> int:
    """Resident bytes of a process and its descendants; 0 where the platform does not tell."""
    return sum(_resident(member) for member in members(pid))


def own_memory(pid: int, family: Sequence[int] = ()) -> int:
    """Bytes that would be free again if a process and its descendants ended, also swapped ones; 0
    where the platform does not tell.

    Pages of mapped files, such as a model's weights, are not among them: the system takes them
    back whenever it needs them, and other processes may use the same ones. Neither is what is
    shared with a graphics driver.

    Args:
        family: the process and its descendants, where they are known.
    """
    if sys.platform == "darwin":
        return _footprint(pid)
    return sum(_anonymous(member) for member in family or members(pid))


def activity(pid: int) -> int | None:
    """A number that grows while a process or a descendant computes or touches new memory; None
    where the platform does not tell."""
    counts = [_work(member) for member in members(pid)]
    return sum(counts) if any(counts) else None


async def kill(pid: int) -> None:
    """Kill a process that leads its group, the group, and all descendants; return when the
    descendants have ended (on Linux, where there are handles to wait for). The process itself
    is left to the process that reaps it.

    Descendants are killed one by one since they may have left the group, and those in a
    sandbox, whose own init dies with it, end a moment later than the process around them. They
    are stopped before, so that none starts another one meanwhile.
    """
    family = _stopped_family(pid)
    with _handles(family[1:]) as handles:
        kill_group(pid)
        for member in family[1:]:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(member, signal.SIGKILL)
        for handle in handles:
            await _readable(handle)


def _stopped_family(pid: int) -> list[int]:
    """A process and its descendants, none of which runs any more."""
    stopped: set[int] = set()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGSTOP)
    for _ in range(STOPPING_ROUNDS):
        fresh = set(members(pid)) - stopped
        for member in fresh:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(member, signal.SIGSTOP)
        stopped |= fresh
        if not fresh:
            break
    return [pid, *(stopped - {pid})]


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


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0


def _anonymous(pid: int) -> int:
    """Of one process; see ``proc_pid_status(5)``."""
    with contextlib.suppress(OSError):
        status = _contents(f"/proc/{pid}/status")
        return sum(int(kib) * 1024 for kib in _OWN_PAGES.findall(status))
    return 0


def _work(pid: int) -> int:
    """Page faults and ticks of processor time; see ``proc_pid_stat(5)``."""
    with contextlib.suppress(OSError):
        # The program's name, in brackets, may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        minor_faults, major_faults, user, system = (int(fields[at]) for at in (7, 9, 11, 12))
        return minor_faults + major_faults + user + system
    return 0


def _footprint(pid: int) -> int:
    """What macOS holds against a process: dirty, compressed and swapped pages (``libproc.h``)."""
    usage = (ctypes.c_uint64 * _RUSAGE_WORDS)()
    if ctypes.CDLL("/usr/lib/libproc.dylib").proc_pid_rusage(pid, 0, ctypes.byref(usage)) != 0:
        return 0
    return int(usage[_FOOTPRINT_WORD])
