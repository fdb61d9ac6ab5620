"""A trial of matrix products before they are trusted.

Compilers and drivers of graphics devices have faults. Products of small whole
numbers are exact in 16 bits, too, so a kernel that works gives exactly what the
host computes.
"""

from __future__ import annotations

import numpy as np

from ingle.errors import EngineFault
from ingle.training.vulkan.kernel import Kernel
from ingle.training.vulkan.matmul import PARAMETERS, KernelVariant, Tile
from ingle.training.vulkan.tiles import kernel
from ingle.training.vulkan.vulkan_device import VulkanDevice

M, N, K = 80, 96, 72
"""No multiples of a tile, so that edges are tried, too."""


def check(device: VulkanDevice, tile: Tile) -> None:
    """Try products by this tile.

    Raises:
        EngineFault: they are wrong.
    """
    for a_turned in (False, True):
        for b_turned in (False, True):
            form = KernelVariant(a_turned=a_turned, b_turned=b_turned)
            error = _error(device, kernel(form, tile), form, tile)
            if error:
                raise EngineFault(
                    f"{device.adapter.name} ({device.adapter.driver}) computes wrong results: "
                    f"a matrix product is off by {error:g}",
                    hint="update its driver, or train on another device: --device cpu",
                )


def _error(device: VulkanDevice, kernel: Kernel, form: KernelVariant, tile: Tile) -> float:
    chance = np.random.default_rng(0)
    a = chance.integers(-4, 5, (M, K)).astype(np.float32)
    b = chance.integers(-4, 5, (K, N)).astype(np.float32)
    laid = [a.T if form.a_turned else a, b.T if form.b_turned else b, np.zeros((M, N), np.float32)]
    buffers = [device.upload(np.ascontiguousarray(x)) for x in laid]
    values: dict[str, float] = dict.fromkeys(PARAMETERS, 0)
    values |= {"m": M, "n": N, "k": K, "inner": 1, "a_share": 1, "b_share": 1}
    values |= {"alpha_f": 1.0, "a_boost_f": 1.0, "b_boost_f": 1.0}
    for name, x in zip("abc", laid, strict=True):
        values[f"{name}_stride"] = x.shape[1] // 4
    compiled = device.compile(kernel)
    group = device.bind(compiled, device.uniform(kernel.pack(values)), buffers)
    device.play([(compiled.pipeline, group, (-(-N // tile.n), -(-M // tile.m), 1))])
    found = device.read(buffers[2], np.float32, M * N).reshape(M, N)
    for buffer in buffers:
        device.free(buffer)
    return float(np.abs(found - a @ b).max())
