"""This machine's memory: how much there is, and how much is free right now."""

from __future__ import annotations

import os
from pathlib import Path

from ingle.operations import DeviceInfo

SHARE = 0.8
"""Of all memory, what loaded models may use unless the owner says otherwise."""


def cpu_device() -> DeviceInfo:
    """The CPU and the main memory, without asking any engine."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return DeviceInfo(
        name="CPU", kind="cpu", description="CPU", memory_total=total, memory_free=available()
    )


def available() -> int:
    """Bytes that could be allocated now without swapping (page cache counts as free)."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return min(int(line.split()[1]) * 1024, _cgroup_left())
    except OSError:  # not Linux
        pass
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def own_resident() -> int:
    """Resident bytes of this process; 0 where the platform does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _cgroup_left() -> int:
    """What a container's limit leaves; very large where there is none."""
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
    except (OSError, ValueError):
        return 2**62
    return max(0, int(limit) - used) if limit.isdigit() else 2**62
