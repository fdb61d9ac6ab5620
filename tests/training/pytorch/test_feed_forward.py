"""The feed-forward's kernels for CUDA, where there is none: by Triton's interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from ingle.training.pytorch import feed_forward, gate_kernels

pytestmark = pytest.mark.extras
POINTERS = ("y", "made", "b", "out", "towards", "low", "a")


def test_kernels_give_the_output_and_every_gradient() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.pytorch.interpreted"],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        check=True,
        text=True,
    )
    found = json.loads(done.stdout)
    assert len(found) == 4
    for case, errors in found.items():
        assert max(errors.values()) < 1e-5, (case, errors)


def test_large_ranks_go_the_long_way() -> None:
    assert feed_forward.load()
    device = torch.device("cpu")
    assert feed_forward.takes(64, device)
    assert not feed_forward.takes(65, device)


@pytest.mark.parametrize("capability", [80, 90])
def test_kernels_compile_for_graphics_processors(capability: int) -> None:
    consts = {"gelu": True, "rank": 20, "padded": 32, "high": 64, "broad": 64}
    for kernel, more in (
        (gate_kernels.activation_kernel, {}),
        (gate_kernels.gradient_kernel, {"splits": 8, "stages": 3}),
    ):
        types = dict.fromkeys(POINTERS, "*bf16") | {"sums": "*fp32"}
        signature = {
            parameter.name: "constexpr"
            if parameter.name in {**consts, **more}
            else types.get(parameter.name, "i32")
            for parameter in kernel.params
        }
        source = ASTSource(kernel, signature, {**consts, **more})
        made = triton.compile(source, target=GPUTarget("cuda", capability, 32))
        assert made.asm["cubin"]
