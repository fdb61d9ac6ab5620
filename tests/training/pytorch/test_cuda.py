"""What only a CUDA device has: compiled blocks, recorded steps, attention over packed documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ingle.training.batch import IGNORE, Batch
from ingle.training.lora import LoraConfig
from tests.training.adapters import batch
from tests.training.models import VOCABULARY, write_base
from tests.training.pytorch.test_step import assert_close, reference, step_of

pytestmark = [
    pytest.mark.extras,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.timeout(300),
]
CUDA: dict[str, Any] = {"device": torch.device("cuda")}


def packed_batch(seed: int = 0) -> Batch:
    """Two rows of three documents each, of differing lengths."""
    chance = np.random.default_rng(seed)
    tokens = chance.integers(0, VOCABULARY, (2, 96))
    documents = np.array([[0] * 40 + [1] * 16 + [2] * 40, [3] * 10 + [4] * 80 + [5] * 6])
    positions = np.concatenate(
        [
            np.concatenate([np.arange(n) for n in sizes])[None]
            for sizes in ([40, 16, 40], [10, 80, 6])
        ]
    )
    labels = np.roll(tokens, -1, 1)
    labels[:, ::3] = IGNORE
    labels[documents != np.roll(documents, -1, 1)] = IGNORE
    return Batch(tokens, labels, positions, documents)


def cosine(found: dict[str, Any], expected: dict[str, Any]) -> float:
    one, other = (np.concatenate([g.ravel() for g in side.values()]) for side in (found, expected))
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kind", ["Q8_0", "Q4_K", "F32"])
def test_thirty_two_bits_agree_with_the_processor(tmp_path: Path, kind: str, packed: bool) -> None:
    path = write_base(tmp_path / "base.gguf", kind=kind)
    expected, gradients, _ = reference(path, batch())
    for fast in (False, True):
        step = step_of(path, packed=packed, fast=fast, **CUDA)
        for _ in range(4):  # as always, recorded, replayed
            loss, found = step.gradients(batch())
            assert loss == pytest.approx(expected, rel=1e-5)
            assert_close(found, gradients)
        assert step.loss(batch()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("architecture", ["qwen3", "qwen2", "llama", "gemma3"])
def test_sixteen_bits_over_packed_documents(tmp_path: Path, architecture: str) -> None:
    path = write_base(tmp_path / "base.gguf", architecture=architecture, kind="Q8_0")
    step = step_of(path, dtype=torch.bfloat16, fast=True, **CUDA)
    for seed in (0, 1, 2, 3):  # other numbers in the same shape are not the recorded ones
        expected, gradients, _ = reference(path, packed_batch(seed))
        loss, found = step.gradients(packed_batch(seed))
        assert loss == pytest.approx(expected, rel=0.02)
        assert cosine(found, gradients) > 0.98


def test_dropout_follows_the_seed_in_a_recorded_step(tmp_path: Path) -> None:
    path = write_base(tmp_path / "base.gguf")
    shape = LoraConfig(rank=4, alpha=8.0, dropout=0.3)
    step = step_of(path, shape, fast=True, **CUDA)
    slow = step_of(path, shape)
    for seed in (1, 2, 3, 1):
        loss, found = step.gradients(batch(), seed=seed)
        expected, gradients = slow.gradients(batch(), seed=seed)
        assert loss == pytest.approx(expected, rel=1e-5)
        assert_close(found, gradients)
