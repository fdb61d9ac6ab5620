"""`DeviceInfo`: a device that computes, as an engine reports it."""

from __future__ import annotations

import msgspec


class DeviceInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A device as the engine reports it."""

    name: str
    kind: str
    """``cpu``, ``cuda``, ``rocm``, ``metal``, ``vulkan``, ``sycl`` or ``other``."""
    description: str = ""
    memory_total: int = 0
    memory_free: int = 0
    engine: str = ""
    """The engine that reported it."""
