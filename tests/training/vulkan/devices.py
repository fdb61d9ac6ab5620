"""A Vulkan device to test on: the first one that is there, which may be software."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("wgpu")

from ingle.models.gguf import read_header
from ingle.training.architecture import Architecture
from ingle.training.batch import IGNORE, Batch
from ingle.training.executor import Numbers
from ingle.training.lora import Shape, fresh
from ingle.training.step import Step
from ingle.training.vulkan.device import Device, adapters, choose
from ingle.training.vulkan.executor import VulkanExecutor
from tests.training.models import VOCABULARY

if not adapters():
    pytest.skip("no Vulkan device is here", allow_module_level=True)

SHAPE = Shape(rank=4, alpha=8.0)


@functools.cache
def device(*, exact: bool = True, max_buffer: int = 0) -> Device:
    """One for each setting, for all tests: what is compiled stays so."""
    return Device(choose(), exact=exact, max_buffer=max_buffer)


def batch(length: int = 24, rows: int = 2) -> Batch:
    chance = np.random.default_rng(3)
    tokens = chance.integers(0, VOCABULARY, (rows, length))
    labels = np.roll(tokens, -1, 1)
    labels[:, : length // 2] = IGNORE
    labels[:, -1] = IGNORE
    return Batch(tokens, labels, np.broadcast_to(np.arange(length), (rows, length)))


def adapter(architecture: Architecture, shape: Shape = SHAPE) -> Numbers:
    """One that does something: B is not zero."""
    numbers = fresh(shape, architecture, seed=1)
    chance = np.random.default_rng(2)
    for name, side in numbers.items():
        if name.endswith("lora_b"):
            side[:] = chance.standard_normal(side.shape) * 0.02
    return numbers


def executor_of(path: Path, shape: Shape = SHAPE, **how: Any) -> VulkanExecutor:
    architecture = Architecture.of(read_header(path))
    own = {name: how.pop(name) for name in ("keep", "clip", "decay") if name in how}
    return VulkanExecutor(path, shape, adapter(architecture, shape), device=device(**how), **own)


def step_of(path: Path, shape: Shape = SHAPE, **how: Any) -> Step[Any]:
    return Step(executor_of(path, shape, **how))


def worst(found: Numbers, expected: Numbers) -> float:
    """The largest relative error of any tensor."""
    assert found.keys() == expected.keys()
    return max(
        float(np.linalg.norm(found[name] - x) / np.linalg.norm(x)) for name, x in expected.items()
    )
