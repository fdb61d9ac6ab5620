from __future__ import annotations

from ingle.node import memory_budget
from ingle.node.memory_budget import MemoryBudget
from ingle.operations import DeviceInfo

GIB = 2**30


def test_graphics_memory_counts_beside_main_memory() -> None:
    budget = MemoryBudget(None)
    alone, free = budget.total, budget.free()
    card = DeviceInfo(name="CUDA0", kind="cuda", memory_total=10 * GIB, memory_free=8 * GIB)
    budget.learn([card, DeviceInfo(name="CPU", kind="cpu", memory_total=1, memory_free=1)])
    assert budget.total == alone
    assert budget.with_devices == alone + 9 * GIB
    assert budget.free() < free + GIB
    assert [device.name for device in budget.devices] == ["CUDA0", "CPU"]


def test_the_owner_decides() -> None:
    assert MemoryBudget(5 * GIB).total == 5 * GIB


def test_this_machine_has_memory() -> None:
    assert 0 < memory_budget.available() <= memory_budget.cpu_device().memory_total
    assert memory_budget.own_model() > 10**6
