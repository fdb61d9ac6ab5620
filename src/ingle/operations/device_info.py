"""`DeviceInfo`: a device that computes, as an engine reports it."""

from __future__ import annotations

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

    @property
    def card(self) -> tuple[str, ...]:
        """What is the same for two engines' names of one physical device: its PCI address, or
        else its description and total memory in MiB.
        """
        if self.pci:
            return (self.pci.lower(),)
        return (self.description, str(self.memory_total >> 20))
