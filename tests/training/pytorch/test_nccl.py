"""Two CUDA devices train one adapter: gradients are summed by NCCL.

Needs a machine with two of them, the packages torch, numpy, safetensors, msgspec, gguf and pytest,
and nothing else; each of its runs compiles again, so it takes some minutes with a cold cache::

    PYTHONPATH=src:. python -m pytest --noconftest tests/training/pytorch/test_nccl.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from ingle.errors import WorkerDied
from ingle.training.pytorch.replicas import ReplicatedStep
from ingle.training.run import Run
from tests.training.test_run import begin

pytestmark = [
    pytest.mark.extras,
    pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two CUDA devices"),
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.timeout(600),
]
PLAN: dict[str, Any] = {"max_steps": 8, "batch_size": 8, "micro_batch_size": 2, "eval_every": 4}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_two_devices_are_as_one(tmp_path: Path, dtype: str) -> None:
    plan = {**PLAN, "dtype": dtype}
    one = Run.resume(begin(tmp_path, **plan, name="one", device="cuda:1"))
    two = Run.resume(begin(tmp_path, **plan, name="two", device="cuda:0,cuda:1"))
    near = 1e-4 if dtype == "float32" else 2e-2
    alone, together = list(one.train()), list(two.train())
    assert len(alone) == PLAN["steps"]
    for found, expected in zip(together, alone, strict=True):
        assert found.loss == pytest.approx(expected.loss, rel=near)
        assert found.validation == (
            expected.validation and pytest.approx(expected.validation, rel=near)
        )
    stopped = Run.resume(begin(tmp_path, **plan, name="stopped", device="cuda:0,cuda:1"))
    for progress in stopped.train():
        stopped.stopping = progress.step == 3
    again = Run.resume(stopped.folder)
    rest = list(again.train())
    assert [p.loss for p in rest] == pytest.approx([p.loss for p in together[3:]], rel=near)


def test_one_that_dies_in_a_sum_is_told(tmp_path: Path) -> None:
    run = Run.resume(begin(tmp_path, **PLAN, dtype="bfloat16", device="cuda:0,cuda:1"))
    steps = run.train()
    next(steps)
    engine = run._engine
    assert isinstance(engine, ReplicatedStep)
    engine._others[0].kill()
    with pytest.raises(WorkerDied, match=r"on cuda:1 died .*; the run is saved at step 0"):
        list(steps)
