"""The device: what is there, limits, errors, and what a dispatch costs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ingle.errors import DeviceLost, DoesNotFit, EngineFault, InvalidRequest
from ingle.models.gguf import read_header
from ingle.training.architecture import Architecture
from ingle.training.step import Step
from ingle.training.vulkan import product_check, tile_tuning
from ingle.training.vulkan.buffer_pool import read
from ingle.training.vulkan.compute_context import LARGE, SMALL, SMALL_HALF, ComputeContext
from ingle.training.vulkan.executor import VulkanExecutor
from ingle.training.vulkan.kernel import Binding, Kernel
from ingle.training.vulkan.matmul import KernelVariant, Tile
from ingle.training.vulkan.vulkan_device import VulkanDevice, adapters, choose
from tests.training.adapters import SHAPE, adapter, batch
from tests.training.models import write_base
from tests.training.vulkan.devices import device, step_of

pytestmark = pytest.mark.extras


def test_devices_are_listed_and_chosen() -> None:
    found = adapters()
    assert choose().name == found[0].name
    assert found[0].max_buffer >= 1 << 27
    with pytest.raises(InvalidRequest, match="vulkan:99"):
        choose(99)


def test_a_buffer_over_the_limit_is_refused() -> None:
    small = device(max_buffer=2 << 20)
    small.buffer(2 << 20)
    with pytest.raises(DoesNotFit, match="over the limit") as caught:
        small.buffer((2 << 20) + 4)
    assert caught.value.details["device"] == small.adapter.name


def test_a_lost_device_says_so(tmp_path: Path) -> None:
    lost = VulkanDevice(choose(), exact=True)
    path = write_base(tmp_path / "base.gguf", kind="Q8_0")
    architecture = Architecture.of(read_header(path))
    step = Step(VulkanExecutor(path, SHAPE, adapter(architecture), device=lost))
    lost.close()
    with pytest.raises(DeviceLost):
        step.gradients(batch())


def test_a_kernel_that_is_no_wgsl_is_refused() -> None:
    wrong = Kernel("wrong", (), (Binding("x", "f32", "read_write"),), "fn main() { x[0] = y; }")
    with pytest.raises(EngineFault, match="wrong"):
        device().compile(wrong)


@pytest.mark.parametrize(
    "tile", sorted({SMALL, SMALL_HALF, LARGE, *tile_tuning.FLOATS, *tile_tuning.HALVES})
)
def test_products_by_every_tile(tile: Tile) -> None:
    used = device(exact=False)
    if tile.half and not used.halves:
        pytest.skip("this device has no numbers of 16 bits")
    if tile.half and tile.side > 1 and used.adapter.software:
        pytest.skip("software takes ten seconds to compile this, and is never given it")
    product_check.check(used, tile)


def test_a_wrong_product_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product_check, "PARAMETERS", (*product_check.PARAMETERS,))
    real = product_check.kernel
    monkeypatch.setattr(
        product_check,
        "kernel",
        lambda form, tile: real(form._replace(a_turned=not form.a_turned), tile),
    )
    with pytest.raises(EngineFault, match="computes wrong results"):
        product_check.check(device(), SMALL)


def test_the_fastest_tile_is_tried_once_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, tiles, tried = ComputeContext(device()), [SMALL, LARGE], []
    seconds = {SMALL: 2.0, LARGE: 1.0}

    def times(_: ComputeContext, tiles: list[Tile]) -> list[tuple[float, Tile]]:
        tried.append(tiles)
        return [(seconds[tile], tile) for tile in tiles]

    real = tile_tuning.times
    monkeypatch.setattr(tile_tuning, "times", times)
    file = tmp_path / "state" / "tiles.json"
    assert tile_tuning.fastest(machine, tiles, file) == LARGE
    seconds[SMALL] = 0.5  # no matter: a run that continues must multiply as it began
    assert tile_tuning.fastest(machine, tiles, file) == LARGE
    assert len(tried) == 1
    file.write_text("nonsense")
    assert tile_tuning.fastest(machine, tiles, file) == SMALL
    # One that computes wrong results is passed over.
    monkeypatch.setattr(tile_tuning, "check", _refusing(SMALL))
    file.unlink()
    assert tile_tuning.fastest(machine, tiles, file) == LARGE
    monkeypatch.setattr(tile_tuning, "check", _refusing(SMALL, LARGE))
    file.unlink()
    with pytest.raises(EngineFault, match="wrong results"):
        tile_tuning.fastest(machine, tiles, file)
    # What cannot be kept might not win again: the first that is right always is the same.
    monkeypatch.setattr(tile_tuning, "check", _refusing())
    seconds[SMALL] = 3.0
    (tmp_path / "full").write_text("")
    assert tile_tuning.fastest(machine, tiles, tmp_path / "full" / "tiles.json") == SMALL
    measured = real(machine, tiles, side=256, depth=64)
    assert [tile for _, tile in measured] == tiles
    assert all(spent > 0 for spent, _ in measured)


def test_a_processor_multiplies_by_the_usual_tile_once_it_is_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used = device()
    if not used.adapter.software:
        pytest.skip("only a processor's tile is not raced for")
    assert tile_tuning.machine_on(used).large == LARGE
    monkeypatch.setattr(tile_tuning, "check", _refusing(LARGE))
    with pytest.raises(EngineFault, match="wrong results"):
        tile_tuning.machine_on(used)


def _refusing(*wrong: Tile) -> Callable[[VulkanDevice, Tile], None]:
    def check(_: VulkanDevice, tile: Tile) -> None:
        if tile in wrong:
            raise EngineFault("computes wrong results")

    return check


@pytest.mark.parametrize("after", ["", "accumulate", "add", "bias"])
def test_a_long_k_in_pieces(after: str) -> None:
    """Few tiles and a long k: pieces are summed, and what comes after comes once."""
    machine = ComputeContext(device())
    machine.enough = 12
    chance = np.random.default_rng(0)
    m, n, k = 20, 72, 500
    arrays = {"a": (m, k), "b": (n, k), "c": (m, n), "d": (m, n)}
    values = {name: chance.standard_normal(s).astype(np.float32) for name, s in arrays.items()}
    made = {name: machine.new(*size) for name, size in arrays.items()}
    for name, x in values.items():
        machine.device.write(made[name].storage.buffer, x)
    given = made["d"] if after in ("add", "bias") else None
    machine.multiply(
        KernelVariant(b_turned=True, after=after), made["a"], made["b"], made["c"], m, n, k,
        d=given,
        alpha=0.5,
    )  # fmt: skip
    program = machine.recorder.finish([made["c"]])
    assert len(program) == 2
    program.play()
    expected = 0.5 * values["a"] @ values["b"].T
    expected += {"": 0, "accumulate": values["c"], "add": values["d"], "bias": values["d"][0]}[
        after
    ]
    np.testing.assert_allclose(read(machine.device, made["c"]), expected, rtol=1e-3, atol=1e-3)


def test_a_replay_makes_nothing_new(tmp_path: Path) -> None:
    """What was recorded is encoded again; the bench tells how much CPU a dispatch costs."""
    step = step_of(write_base(tmp_path / "base.gguf", kind="Q8_0"))
    step.gradients(batch())
    executor = step.executor
    (program, _), *_ = executor._programs.values()
    statistics = executor.device.statistics
    dispatches, live = statistics.dispatches, statistics.live
    for _ in range(2):
        program.play()
    executor.device.wait()
    assert statistics.dispatches == dispatches + 2 * len(program)
    assert statistics.live == live


def test_triton_is_loaded_before_the_drivers(tmp_path: Path) -> None:
    """Loaded after Mesa's software driver it crashes the process, for each brings an LLVM."""
    (tmp_path / "triton.py").touch()
    script = (
        "import sys, torch\n"
        "from ingle.training.vulkan.vulkan_device import adapters\n"
        "adapters()\n"
        "assert 'triton' in sys.modules\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
