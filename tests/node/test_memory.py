from __future__ import annotations

from ingle.node import memory
from ingle.node.memory import Budget
from ingle.operations import DeviceInfo

GIB = 2**30


def test_graphics_memory_counts_beside_main_memory() -> None:
    budget = Budget(None)
    alone, free = budget.total, budget.free()
    card = DeviceInfo(name="CUDA0", kind="cuda", memory_total=10 * GIB, memory_free=8 * GIB)
    budget.learn([card, DeviceInfo(name="CPU", kind="cpu", memory_total=1, memory_free=1)])
    assert budget.total == alone + 9 * GIB
    assert budget.free() >= free + 7 * GIB
    assert [device.name for device in budget.devices] == ["CUDA0", "CPU"]


def test_the_owner_decides() -> None:
    assert Budget(5 * GIB).total == 5 * GIB


def test_this_machine_has_memory() -> None:
    assert 0 < memory.available() <= memory.cpu_device().memory_total
    assert memory.own_resident() > 10**6
