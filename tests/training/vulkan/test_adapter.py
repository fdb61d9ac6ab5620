"""What Vulkan trains is torch's adapter, and llama.cpp computes what it computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingle.training.adapter_files import write_gguf
from ingle.training.batch import IGNORE, Batch
from ingle.training.lora import LoraConfig, fresh
from ingle.training.run import Run
from ingle.training.step import Step
from tests.training.adapters import SHAPE
from tests.training.engine import compare
from tests.training.models import write_base
from tests.training.pytorch.test_step import step_of as torch_step
from tests.training.test_run import begin
from tests.training.vulkan.devices import step_of, worst

pytestmark = pytest.mark.extras

UPDATES = 14


def step_batch(rows: int = 2, seed: int = 5) -> Batch:
    """Each answer is its question, shifted: easy to learn, impossible to guess."""
    questions = np.random.default_rng(seed).integers(100, 200, (rows, 8))
    tokens = np.concatenate((questions, questions + 100), 1)
    labels = np.roll(tokens, -1, 1)
    labels[:, :7] = IGNORE
    labels[:, -1] = IGNORE
    return Batch(tokens, labels, np.broadcast_to(np.arange(16), tokens.shape))


def train(step: Step[Any], updates: int, rate: float = 1e-2) -> list[float]:
    """The loss of each update, from an adapter that does nothing yet."""
    executor = step.executor
    executor.load({**executor.state(), **fresh(executor.shape, executor.architecture, seed=1)})
    losses = []
    for number in range(updates):
        step.accumulate(step_batch(), seed=number)
        losses.append(step.update(rate)[0])
    return losses


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_K"])
def test_llama_cpp_computes_what_vulkan_trained(tmp_path: Path, kind: str) -> None:
    path = write_base(tmp_path / "base.gguf", kind=kind, layers=2, wide=256, tied=False)
    step = step_of(path)
    prompts = [row[:count] for row in step_batch().tokens.tolist() for count in (8, 11, 14)]
    losses = train(step, UPDATES, 1.5e-2)
    assert losses[-1] < 0.2
    executor, adapter = step.executor, tmp_path / "adapter.gguf"
    write_gguf(adapter, executor.parameters(), SHAPE, executor.architecture, {})
    for found in compare(step, path, adapter, prompts):
        assert found.same
        assert abs(found.divergence) < 1e-3
    # The base alone says something else, so the adapter was at work.
    assert max(found.divergence for found in compare(step, path, None, prompts[:2])) > 1.0


def test_torch_and_vulkan_train_the_same_adapter(tmp_path: Path) -> None:
    path = write_base(tmp_path / "base.gguf", kind="Q4_K", layers=2, wide=256, tied=False)
    shape = LoraConfig(rank=4, alpha=8.0, dropout=0.1)
    steps = step_of(path, shape), torch_step(path, shape)
    found, expected = (train(step, 10, 1e-3) for step in steps)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    ours, theirs = (step.executor.parameters() for step in steps)
    assert worst(ours, theirs) < 1e-3
    ours, theirs = (step.logits(step_batch(seed=9)) for step in steps)
    np.testing.assert_allclose(ours, theirs, atol=1e-2)


def test_a_run_on_vulkan_continues_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    how = {"max_steps": 3, "batch_size": 2, "micro_batch_size": 1, "device": "vulkan:0"}
    whole = Run.resume(begin(tmp_path, name="whole", **how))
    list(whole.train())
    stopped = Run.resume(begin(tmp_path, name="stopped", **how))
    for progress in stopped.train():
        stopped.stopping = progress.step == 1
    again = Run.resume(stopped.folder)
    assert again.step == 1
    list(again.train())
    state = (again.folder / "state.safetensors").read_bytes()
    assert state == (whole.folder / "state.safetensors").read_bytes()
