"""This machine's memory: how much there is, and how much is free right now."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ingle.engines import system_paths
from ingle.operations import DeviceInfo

SHARE = 0.8
"""Of all main memory, what loaded models may use unless the owner says otherwise."""
GRAPHICS_SHARE = 0.9
"""The same of graphics memory, which is shared with less."""


def cpu_device() -> DeviceInfo:
    """The CPU and the main memory, without asking any engine."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return DeviceInfo(
        name="CPU", kind="cpu", description="CPU", memory_total=total, memory_free=available()
    )


def may_have_gpu() -> bool:
    """Worth asking the engines, which takes a process of its own, before the first load."""
    return sys.platform == "darwin" or bool(system_paths.gpu_nodes())


class MemoryBudget:
    """What all models together may use of the main memory, and what is free of it now.

    Graphics memory counts beside it, each device by itself: see `ingle.node.memory_room`.

    Args:
        chosen: bytes that the owner set, or None for a share of all there is.
    """

    def __init__(self, chosen: int | None) -> None:
        self._chosen = chosen
        self._graphics: list[DeviceInfo] = []
        self.devices = [cpu_device()]

    def learn(self, devices: Sequence[DeviceInfo]) -> None:
        """Take in the devices that the engines report."""
        self._graphics = [device for device in devices if device.kind != "cpu"]
        self.devices = [*self._graphics, cpu_device()]

    @property
    def total(self) -> int:
        """Bytes of main memory that all models together may have reserved."""
        if self._chosen is not None:
            return self._chosen
        return int(self.devices[-1].memory_total * SHARE)

    @property
    def with_devices(self) -> int:
        """The same, with the graphics memory that is not main memory."""
        return self.total + sum(
            int(device.memory_total * GRAPHICS_SHARE)
            for device in {device.card: device for device in self._graphics}.values()
            if not device.integrated
        )

    def free(self) -> int:
        """Bytes of main memory that could be allocated now, as far as the system tells."""
        return available()

    def graphics(self) -> Sequence[DeviceInfo]:
        """The devices besides the CPU, each engine's names of them."""
        return self._graphics


def available() -> int:
    """Bytes that could be allocated now without swapping (page cache counts as free)."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return min(int(line.split()[1]) * 1024, _cgroup_left())
    except OSError:  # not Linux: it tells no more than the total; the budget still holds
        pass
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def own_model() -> int:
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
