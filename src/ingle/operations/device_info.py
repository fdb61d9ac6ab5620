"""`DeviceInfo`: a device that computes, as an engine reports it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import msgspec


class DeviceInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A device as the engine reports it."""

    name: str
    """The engine's name of it, such as ``CUDA0``."""
    kind: str
    """``cpu``, ``cuda``, ``rocm``, ``metal``, ``vulkan``, ``sycl`` or ``other``."""
    description: str = ""
    memory_total: int = 0
    memory_free: int = 0
    engine: str = ""
    """The engine that reported it; names of devices are an engine's own."""
    integrated: bool = False
    """It has no memory of its own, but shares the main memory."""
    pci: str = ""
    """Its PCI address, where the engine tells it, such as ``0000:01:00.0``."""
    ordinal: int = 0
    """Which one it is of those of one description that its engine tells, from 0."""

    @property
    def card(self) -> tuple[str, ...]:
        """What is the same for two engines' names of one physical device.

        Its description without what a driver adds in brackets, and its ordinal. Not its memory:
        drivers keep back different amounts of it. Not its PCI address: few engines tell it.
        """
        return (described(self.description or self.name), str(self.ordinal))


def described(description: str) -> str:
    """A device's description without what drivers add to it."""
    return re.sub(r"\s*\([^()]*\)", "", description).strip().lower()


def numbered(devices: Sequence[DeviceInfo]) -> list[DeviceInfo]:
    """The devices of one engine, with their ordinals."""
    seen: Counter[str] = Counter()
    for device in devices:
        device.ordinal = seen[key := described(device.description or device.name)]
        seen[key] += 1
    return list(devices)


def cards(devices: Sequence[DeviceInfo]) -> list[DeviceInfo]:
    """Each physical device once, as the first engine names it."""
    found: dict[tuple[str, ...], DeviceInfo] = {}
    for device in devices:
        found.setdefault(device.card, device)
    return list(found.values())
