"""Each architecture against transformers, with our adapter loaded by PEFT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch

from ingle.models.gguf import read_header
from ingle.training.adapter_files import write_peft
from ingle.training.architecture import Architecture
from ingle.training.batch import IGNORE, Batch
from ingle.training.lora import LoraConfig
from ingle.training.pytorch.executor import TorchExecutor
from ingle.training.step import Step
from tests.training.adapters import adapter
from tests.training.transformers_models import HEAD, NAMES, VOCABULARY, make, write

pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore")]
MODULES = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_qkv": "self_attn.qkv_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}  # fmt: skip


@pytest.mark.parametrize("use_rslora", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_logits_and_gradients(tmp_path: Path, name: str, use_rslora: bool) -> None:
    model = make(name)
    base = write(model, tmp_path / "base.gguf")
    architecture = Architecture.of(read_header(base))
    shape = LoraConfig(4, 8.0, architecture.targets, use_rslora)
    numbers = adapter(architecture, shape)
    write_peft(tmp_path / "peft", numbers, shape, architecture, name)
    theirs = peft.PeftModel.from_pretrained(model, str(tmp_path / "peft"), is_trainable=True)
    theirs.eval()

    tokens = np.random.default_rng(4).integers(0, VOCABULARY, (2, 40))
    labels = np.roll(tokens, -1, 1)
    labels[:, :10] = labels[:, -1:] = IGNORE
    rows = Batch(tokens, labels, np.broadcast_to(np.arange(40), (2, 40)))
    step = Step(TorchExecutor(base, shape, numbers, device=torch.device("cpu")))
    logits = theirs(input_ids=torch.from_numpy(tokens)).logits
    difference = np.abs(step.logits(rows) - logits.detach().numpy()).max()
    assert difference < 1e-4 * max(1.0, float(logits.abs().max()))

    expected = torch.nn.functional.cross_entropy(
        logits.reshape(-1, VOCABULARY), torch.from_numpy(labels).reshape(-1), ignore_index=IGNORE
    )
    expected.backward()
    loss, gradients = step.gradients(rows)
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    for key, found in gradients.items():
        wanted = gradient_of(theirs, key, pairs=architecture.permuted)
        error = np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
        assert error < 1e-4, f"{key}: {error}"


def gradient_of(model: Any, key: str, *, pairs: bool) -> Any:
    """PEFT's gradient of one side, in the order of our file's rows."""
    _, number, matrix, _, side = key.split(".")
    layer = model.base_model.model.model.layers[int(number)]
    joined = matrix == "ffn_up" and not hasattr(layer.mlp, "up_proj")
    module = layer.get_submodule("mlp.gate_up_proj" if joined else MODULES[matrix])
    which = "lora_A" if side == "lora_a" else "lora_B"
    gradient = getattr(module, which).default.weight.grad.numpy()
    if side == "lora_b" and pairs and matrix in ("attn_q", "attn_k"):
        rows, columns = gradient.shape
        gradient = gradient.reshape(-1, 2, HEAD // 2, columns).swapaxes(1, 2).reshape(rows, columns)
    return gradient
