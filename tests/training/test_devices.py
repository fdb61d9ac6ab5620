"""Devices: what is listed, which one is chosen and why, and what a run takes of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingle.errors import EngineMissing, InvalidRequest
from ingle.training import devices, memory_plan
from ingle.training.architecture import Architecture
from ingle.training.devices import Device, choose, listing, open_executor
from ingle.training.lora import LoraConfig
from ingle.training.step import Step
from tests.training.adapters import batch
from tests.training.models import LAYERS, write_base

pytestmark = pytest.mark.extras
GIB = 2**30
SHAPE = LoraConfig(rank=4, alpha=8.0)
CPU = Device("cpu", "cpu", "CPU", 8 * GIB, 8 * GIB)
CUDA = Device("cuda:0", "cuda", "a fast card", 8 * GIB, 8 * GIB)
CARD = Device("vulkan:0", "vulkan", "any card", 8 * GIB, 8 * GIB)
SOFTWARE = Device("vulkan:1", "vulkan", "none", 8 * GIB, 8 * GIB, software=True)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_base(tmp_path / "base.gguf", kind="Q8_0")


def chosen(base: Path, *among: Device) -> tuple[str, str]:
    found = choose(base, SHAPE, rows=2, sequence=64, among=list(among))
    return found.device.name, found.reason


def test_what_is_here_is_listed() -> None:
    found = {device.name: device for device in listing()}
    assert found["cpu"].memory_free is not None
    assert 0 < found["cpu"].memory_free <= (found["cpu"].memory_total or 0)
    assert not found["cpu"].missing


def test_asking_imports_nothing_and_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = (
        "import sys, ingle.training.devices; print('torch' in sys.modules, 'wgpu' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]
    monkeypatch.setattr(devices, "_installed", lambda name: False)
    missing = {device.name: device.missing for device in listing()}
    assert missing == {
        "cpu": "pip install 'ingle[train]'", "vulkan": "pip install 'ingle[train,vulkan]'"
    }  # fmt: skip


def test_the_fastest_that_fits_is_chosen_and_says_why(base: Path) -> None:
    name, reason = chosen(base, CUDA, CARD, CPU)
    assert name == "cuda:0"
    assert "cuda:0 (a fast card) is the fastest device" in reason
    full = CUDA._replace(memory_free=GIB // 4)
    name, reason = chosen(base, full, CARD, CPU)
    assert name == "vulkan:0"
    assert "cuda:0 has too little memory (0.2 GiB free)" in reason
    name, reason = chosen(base, full, CARD._replace(memory_free=GIB // 4), CPU)
    assert name == "cpu"
    assert "no graphics device has" in reason
    name, reason = chosen(base, CARD._replace(memory_total=None, memory_free=None), CPU)
    assert name == "vulkan:0"
    assert "unknown, 2.0 GiB are assumed" in reason


def test_as_many_equal_cards_as_a_step_keeps_busy_are_chosen_and_it_says_so(base: Path) -> None:
    more = [CUDA._replace(name=f"cuda:{number}") for number in range(4)]
    more[2] = more[2]._replace(memory_free=GIB // 4)
    other = CUDA._replace(name="cuda:4", description="a slow card")
    for parts, names in ((1, "cuda:0"), (2, "cuda:0,cuda:1"), (9, "cuda:0,cuda:1,cuda:3")):
        found = choose(base, SHAPE, rows=2, sequence=64, parts=parts, among=[*more, other, CPU])
        assert found.names == names
        assert ("dealt out to them" in found.reason) == (parts > 1)
    found = choose(
        base, SHAPE, rows=2, sequence=64, eight_bit=True, among=[CARD, CPU]
    )  # fmt: skip
    assert found.names == "cpu"
    assert "vulkan:0 keeps the optimiser's moments in 32 bits" in found.reason
    cards = [CARD, CARD._replace(name="vulkan:1")]
    assert choose(base, SHAPE, rows=2, sequence=64, parts=2, among=cards).names == "vulkan:0"


def test_what_is_only_software_or_not_installed_is_not_chosen(base: Path) -> None:
    missing = Device("vulkan", "vulkan", "", None, None, missing="pip install x")
    name, reason = chosen(base, CPU, SOFTWARE, missing)
    assert name == "cpu"
    assert "vulkan:1 is only software" in reason
    assert "vulkan wants: pip install x" in reason
    with pytest.raises(InvalidRequest, match="no training library"):
        chosen(base, SOFTWARE, missing)


def opened(base: Path, device: str) -> tuple[Any, devices.StorageOption]:
    return open_executor(
        base, SHAPE, device=device, dtype="float32", seed=1, rows=2, sequence=24, weight_decay=0.0,
        max_grad_norm=1.0,
    )  # fmt: skip


@pytest.mark.parametrize("device", ["vulkan:99", "vulkan:x", "warp", "cuda:77"])
def test_a_device_that_is_not_there_is_named(base: Path, device: str) -> None:
    with pytest.raises(InvalidRequest, match=device) as caught:
        opened(base, device)
    assert caught.value.hint == "ingle train --device list"


def test_without_its_library_a_device_says_so(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_installed", lambda name: False)
    with pytest.raises(EngineMissing, match="torch") as caught:
        opened(base, "cpu")
    assert caught.value.hint == "pip install 'ingle[train]'"


def test_vulkan_keeps_what_fits_and_the_estimate_covers_it(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From much memory to little: all insides, some, none; the losses are the same."""
    import tests.training.vulkan.devices  # noqa: F401 (it skips where there is no device)
    from ingle.training.vulkan import vulkan_fit

    monkeypatch.setenv("XDG_CACHE_HOME", str(base.parent / "cache"))
    kept, losses = [], []
    for keep in (LAYERS, 1, 0):
        needs = _needs(base, keep)
        monkeypatch.setattr(
            memory_plan, "available", lambda _, needs=needs: int(needs / 0.8) + 2**16
        )
        executor, option = opened(base, "vulkan:0")
        assert option.recompute == (keep < LAYERS)
        kept.append(option.keep)
        losses.append(Step(executor).gradients(batch())[0])
        peak = executor.device.statistics.peak
        assert peak < option.needs.total - memory_plan.OVERHEAD
        assert peak > 0.2 * (option.needs.total - memory_plan.OVERHEAD - vulkan_fit.PARTS)
        executor.close()
    assert kept == [LAYERS, 1, 0]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-6)


def _needs(base: Path, keep: int) -> int:
    from ingle.models.gguf import read_header
    from ingle.training.architecture import Architecture
    from ingle.training.vulkan import vulkan_fit

    header = read_header(base)
    found = vulkan_fit.estimate(
        Architecture.of(header), SHAPE, rows=2, sequence=24,
        file_bytes=sum(tensor.size for tensor in header.tensors), keep=keep,
    )  # fmt: skip
    return found.total


QWEN3 = Architecture(
    "qwen3", 28, 2048, 16, 8, 128, 6144, 151_936, 4096, 1e-6, 1e6, rope_pairs=False, tied=True
)
QWEN3_4B = QWEN3._replace(layers=36, width=2560, heads=32, feed_forward=9728)


def less(architecture: Architecture, rows: int, measured: float) -> tuple[Architecture, int, float]:
    """What was measured, without what blocks kept then and make again since: two values of a
    row's width and one of the feed-forward's. At 4B that was seen to be so, 4.08 GiB."""
    each = 2 * architecture.width + architecture.feed_forward
    return architecture, rows, measured - architecture.layers * rows * 2048 * each * 2 / GIB


MEASURED = [
    (QWEN3_4B, 2, 21.63),
    less(QWEN3._replace(width=1024, feed_forward=3072), 8, 23.87),
    less(QWEN3, 4, 21.22),
    less(QWEN3_4B, 4, 42.10),
]
"""Qwen3's shapes, rows of 2,048 tokens, and GiB at most at once on an H100 (docs/log.md)."""


@pytest.mark.parametrize(("architecture", "rows", "measured"), MEASURED)
def test_the_estimate_is_what_a_graphics_processor_was_seen_to_take(
    architecture: Architecture, rows: int, measured: float
) -> None:
    found = memory_plan.estimate(
        architecture, LoraConfig(rank=16), rows=rows, sequence=2048, bytes_each=2, file_bytes=0,
        packed=False, recompute=False, compiled=True, logits=memory_plan.LOGITS_CUDA, scores=False,
    )  # fmt: skip
    assert 1.0 < found.total / GIB / measured < 1.25
