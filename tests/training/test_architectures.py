"""Each architecture as it is served: base and adapter in llama.cpp, against the trainer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ingle.models.gguf import read_header
from ingle.training.adapter_files import write_gguf
from ingle.training.architecture import Architecture
from ingle.training.families import FAMILIES
from ingle.training.lora import LoraConfig
from ingle.training.pytorch.executor import TorchExecutor
from ingle.training.step import Step
from tests.training.adapters import adapter
from tests.training.engine import compare
from tests.training.models import VOCABULARY
from tests.training.transformers_models import ARCHITECTURES, NAMES, make, write

pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("name", NAMES)
def test_llama_cpp_computes_what_is_trained(tmp_path: Path, name: str) -> None:
    base = write(make(name), tmp_path / "base.gguf")
    architecture = Architecture.of(read_header(base))
    shape = LoraConfig(4, 8.0, tuple(architecture.matrices))
    numbers = adapter(architecture, shape)
    path = tmp_path / "adapter.gguf"
    write_gguf(path, numbers, shape, architecture, {})
    step = Step(TorchExecutor(base, shape, numbers, device=torch.device("cpu")))
    chance = np.random.default_rng(7)
    prompts = [chance.integers(0, VOCABULARY, size).tolist() for size in (3, 20, 70)]
    adapted, alone = (compare(step, base, file, prompts) for file in (path, None))
    assert all(found.same for found in adapted)
    # The adapter counts: without it the engine is far from the trainer with it.
    assert max(abs(found.divergence) for found in adapted) < 1e-4
    assert min(found.divergence for found in alone) > 3e-3


def test_every_family_is_among_them(tmp_path: Path) -> None:
    made = {make(name).config.model_type for name in NAMES}
    assert {ARCHITECTURES.get(kind, kind) for kind in made} == set(FAMILIES)
