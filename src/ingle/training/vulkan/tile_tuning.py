"""Which tile multiplies large matrices fastest on a device: tried once, then remembered.

Devices differ too much for one choice (on an H100, tiles that look alike are a factor of
1.6 apart). The choice is kept in a file, for a product's last bits depend on it, and a run that
continues after a kill is to end in the same bits.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from ingle.errors import EngineFault
from ingle.training.vulkan.compute_context import ComputeContext
from ingle.training.vulkan.matmul import KernelVariant, Tile
from ingle.training.vulkan.product_check import check
from ingle.training.vulkan.vulkan_device import VulkanDevice

FLOATS = (
    Tile(128, 128, 16, unroll=16),
    Tile(128, 128, 8, unroll=8),
    Tile(128, 128, 8, unroll=8, double=True),
    Tile(128, 64, 16, threads=128, unroll=8, double=True),
    Tile(64, 64, 16, threads=64, unroll=8),
    Tile(64, 64, 16),
)
HALVES = (
    Tile(64, 64, 32, half=True),
    Tile(128, 128, 32, half=True),
    Tile(128, 128, 16, half=True, unroll=8, double=True),
    Tile(128, 64, 32, half=True, threads=128),
    Tile(64, 64, 32, half=True, threads=64),
)
SIDE, DEPTH, TIMES = 2048, 1024, 4
"""The product that is timed, and how many of it at once."""


def file() -> Path:
    """Where the choices of all devices are kept: beside the drivers' compiled kernels."""
    import platformdirs

    return platformdirs.user_cache_path("ingle") / "vulkan-tiles.json"


def machine_on(device: VulkanDevice) -> ComputeContext:
    """A machine whose large products go by the fastest tile; on a processor, where nothing is
    gained by trying, by the usual one.

    Raises:
        EngineFault: the device computes products wrongly.
    """
    machine = ComputeContext(device)
    if device.adapter.software:
        check(device, machine.large)
    else:
        tiles = (*HALVES, *FLOATS) if device.halves else FLOATS
        machine.large = fastest(machine, tiles, file())
    return machine


def fastest(machine: ComputeContext, tiles: Sequence[Tile], file: Path) -> Tile:
    """The tile for large products on this device.

    Args:
        file: where the choices of all devices are kept.

    Raises:
        EngineFault: every tile computes wrongly.
    """
    adapter = machine.device.adapter
    key = f"{adapter.name}, {adapter.driver}, {16 if machine.device.halves else 32} bits"
    known = _read(file)
    found = next((tile for tile in tiles if list(tile) == known.get(key)), None)
    if found is not None:
        check(machine.device, found)
        return found
    found = _right(machine, [tile for _, tile in sorted(times(machine, tiles))])
    try:
        _write(file, {**known, key: list(found)})
    except OSError:  # what cannot be kept might not win again: one that is always the same
        return _right(machine, list(tiles))
    return found


def times(
    machine: ComputeContext, tiles: Sequence[Tile], side: int = SIDE, depth: int = DEPTH
) -> list[tuple[float, Tile]]:
    """Seconds that a large product takes by each tile; those that a driver refuses are left out."""
    while side * max(side, depth) * 4 > machine.device.max_buffer:
        side //= 2
    a, b, c = machine.new(side, depth), machine.new(side, depth), machine.new(side, side)
    machine.fill(a, 0.5)
    machine.fill(b, 0.0)
    machine.recorder.finish([a, b]).play()
    found = []
    for tile in tiles:
        form = KernelVariant(b_turned=True, b_half=machine.device.halves)
        try:
            for _ in range(TIMES):
                machine.multiply(form, a, b, c, side, side, depth, tile=tile)
            program = machine.recorder.finish([c])
        except EngineFault:
            continue
        spent = []
        for _ in range(3):
            machine.device.wait()
            began = time.perf_counter()
            program.play()
            machine.device.wait()
            spent.append((time.perf_counter() - began) / TIMES)
        found.append((min(spent), tile))
    return found


def _right(machine: ComputeContext, tiles: list[Tile]) -> Tile:
    """The first that computes what the host does."""
    fault = EngineFault(
        f"{machine.device.adapter.name} cannot compile any matrix product",
        hint="update its driver, or train on another device: --device cpu",
    )
    for tile in tiles:
        try:
            check(machine.device, tile)
        except EngineFault as error:
            fault = error
        else:
            return tile
    raise fault


def _read(file: Path) -> dict[str, list[object]]:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):  # none yet, or damaged: a race makes it again
        return {}
    return found if isinstance(found, dict) else {}


def _write(file: Path, known: dict[str, list[object]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(known, indent=1))
    part.replace(file)
