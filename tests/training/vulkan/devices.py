"""A Vulkan device to test on: the first one that is there, which may be software."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingle.models.gguf import read_header
from ingle.training.architecture import Architecture
from ingle.training.executor import Numbers
from ingle.training.lora import LoraConfig
from ingle.training.step import Step
from ingle.training.vulkan.executor import VulkanExecutor
from ingle.training.vulkan.vulkan_device import VulkanDevice, adapters, choose
from tests.training.adapters import SHAPE, adapter

if not adapters():
    pytest.skip("no Vulkan device is here", allow_module_level=True)


@functools.cache
def device(*, exact: bool = True, max_buffer: int = 0) -> VulkanDevice:
    """One for each setting, for all tests: what is compiled stays so."""
    return VulkanDevice(choose(), exact=exact, max_buffer=max_buffer)


def executor_of(path: Path, shape: LoraConfig = SHAPE, **how: Any) -> VulkanExecutor:
    architecture = Architecture.of(read_header(path))
    own = {name: how.pop(name) for name in ("keep", "max_grad_norm", "weight_decay") if name in how}
    return VulkanExecutor(path, shape, adapter(architecture, shape), device=device(**how), **own)


def step_of(path: Path, shape: LoraConfig = SHAPE, **how: Any) -> Step[Any]:
    return Step(executor_of(path, shape, **how))


def worst(found: Numbers, expected: Numbers) -> float:
    """The largest relative error of any tensor."""
    assert found.keys() == expected.keys()
    return max(
        float(np.linalg.norm(found[name] - x) / np.linalg.norm(x)) for name, x in expected.items()
    )
