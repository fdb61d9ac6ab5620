"""What graphics memory there is and what is free of it, asked of the Vulkan loader itself.

The library that runs shaders does not tell. Structures and constants are those of
the Vulkan specification, chapter "Memory Allocation", and of VK_EXT_memory_budget.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from ctypes import byref, c_char, c_char_p, c_uint32, c_uint64, c_void_p
from typing import NamedTuple

from ingle.node.memory_budget import cpu_device
from ingle.training.vulkan.vulkan_device import GraphicsAdapter

LOADER = "vulkan-1.dll" if sys.platform == "win32" else "libvulkan.so.1"
VERSION_1_1 = (1 << 22) | (1 << 12)
DEVICE_LOCAL = 1
_APPLICATION, _INSTANCE = 0, 1
_MEMORY, _BUDGET = 1_000_059_006, 1_000_237_000
_HEAPS, _TYPES = 16, 32


class MemoryHeap(NamedTuple):
    """The largest memory of a device's own."""

    vendor: int
    device: int
    name: str
    total: int
    """Bytes."""
    free: int | None
    """Bytes that this process may still get; None where the driver does not say."""


class _Application(ctypes.Structure):
    _fields_ = (
        ("type", c_uint32), ("next", c_void_p), ("name", c_char_p), ("version", c_uint32),
        ("engine", c_char_p), ("engine_version", c_uint32), ("api", c_uint32),
    )  # fmt: skip


class _Instance(ctypes.Structure):
    _fields_ = (
        ("type", c_uint32), ("next", c_void_p), ("flags", c_uint32), ("application", c_void_p),
        ("layers", c_uint32), ("layer_names", c_void_p), ("extensions", c_uint32),
        ("extension_names", c_void_p),
    )  # fmt: skip


class _Properties(ctypes.Structure):
    _fields_ = (
        ("api", c_uint32), ("driver", c_uint32), ("vendor", c_uint32), ("device", c_uint32),
        ("kind", c_uint32), ("name", c_char * 256), ("rest", c_char * 1024),
    )  # fmt: skip


class _Type(ctypes.Structure):
    _fields_ = (("flags", c_uint32), ("heap", c_uint32))


class _Heap(ctypes.Structure):
    _fields_ = (("size", c_uint64), ("flags", c_uint32))


class _Budget(ctypes.Structure):
    _fields_ = (
        ("type", c_uint32), ("next", c_void_p),
        ("budget", c_uint64 * _HEAPS), ("usage", c_uint64 * _HEAPS),
    )  # fmt: skip


class _Memory(ctypes.Structure):
    _fields_ = (
        ("type", c_uint32), ("next", c_void_p), ("type_count", c_uint32), ("types", _Type * _TYPES),
        ("heap_count", c_uint32), ("heaps", _Heap * _HEAPS),
    )  # fmt: skip


def room(adapters: Sequence[GraphicsAdapter]) -> list[tuple[int | None, int | None]]:
    """Total and free bytes of each adapter; None where it is not known.

    A driver that says what there is and not what is free is taken to have half of it free. What
    has the main memory has no more free than that.
    """
    left = heaps()
    found: list[tuple[int | None, int | None]] = []
    for adapter in adapters:
        same = (adapter.vendor, adapter.device, adapter.name)
        heap = next((h for h in left if (h.vendor, h.device, h.name) == same), None)
        if heap is None:
            found.append((None, None))
            continue
        left.remove(heap)  # two cards of one kind have a heap each
        free = heap.total // 2 if heap.free is None else heap.free
        if adapter.kind != "DiscreteGPU":
            free = min(free, cpu_device().memory_free)
        found.append((heap.total, free))
    return found


def heaps() -> list[MemoryHeap]:
    """One for each Vulkan device, in the loader's order; none where there is no loader."""
    try:
        loader = ctypes.CDLL(LOADER)
    except OSError:
        return []
    application = _Application(type=_APPLICATION, api=VERSION_1_1)
    wanted = _Instance(type=_INSTANCE, application=ctypes.addressof(application))
    instance = c_void_p()
    if loader.vkCreateInstance(byref(wanted), None, byref(instance)):
        return []  # a loader of Vulkan 1.0, or one without a single driver
    try:
        count = c_uint32()
        loader.vkEnumeratePhysicalDevices(instance, byref(count), None)
        devices = (c_void_p * count.value)()
        loader.vkEnumeratePhysicalDevices(instance, byref(count), devices)
        found = (_heap(loader, c_void_p(device)) for device in devices[: count.value])
        return [heap for heap in found if heap is not None]
    finally:
        loader.vkDestroyInstance(instance, None)


def _heap(loader: ctypes.CDLL, device: c_void_p) -> MemoryHeap | None:
    properties = _Properties()
    loader.vkGetPhysicalDeviceProperties(device, byref(properties))
    if properties.api < VERSION_1_1:
        return None
    budget = _Budget(type=_BUDGET)
    memory = _Memory(type=_MEMORY, next=ctypes.addressof(budget))
    loader.vkGetPhysicalDeviceMemoryProperties2(device, byref(memory))
    own = [at for at in range(memory.heap_count) if memory.heaps[at].flags & DEVICE_LOCAL]
    largest = max(own, key=lambda at: int(memory.heaps[at].size), default=0)
    allowed = int(budget.budget[largest])
    return MemoryHeap(
        vendor=properties.vendor,
        device=properties.device,
        name=properties.name.decode(errors="replace"),
        total=int(memory.heaps[largest].size),
        free=max(0, allowed - int(budget.usage[largest])) if allowed else None,
    )
