"""Adapters of experts: gradients against transformers, with matrices that they are added to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ingle.errors import BadModelFile, CapabilityMissing, InvalidRequest
from ingle.models import adapter_provenance
from ingle.models.facts import facts_of
from ingle.models.gguf import read_header
from ingle.training import devices, hugging_face, merging
from ingle.training.adapter_files import write_gguf
from ingle.training.architecture import Architecture
from ingle.training.lora import LoraConfig, fresh
from ingle.training.merging import MergedModel, WeightedAdapter
from ingle.training.pytorch.executor import TorchExecutor
from ingle.training.step import Step
from tests.training.adapters import adapter, batch
from tests.training.models import VOCABULARY
from tests.training.transformers_models import make, write

pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore")]

CPU = torch.device("cpu")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write(make("qwen3moe"), tmp_path / "base.gguf")


def whole_shape(base: Path) -> LoraConfig:
    return LoraConfig(4, 8.0, tuple(Architecture.of(read_header(base)).matrices))


@pytest.mark.parametrize("how", [{}, {"packed": True}, {"recompute": False}])
def test_gradients_of_experts_are_those_of_transformers(base: Path, how: dict[str, Any]) -> None:
    shape = whole_shape(base)
    architecture = Architecture.of(read_header(base))
    numbers = adapter(architecture, shape)
    sides = {name: torch.from_numpy(x).requires_grad_() for name, x in numbers.items()}
    model = make("qwen3moe")
    changed = {}
    for name, weight in model.named_parameters():
        if (added := _added(name, sides)) is not None:
            changed[name] = weight.detach() + shape.scale * added
    rows = batch()
    logits = torch.func.functional_call(
        model, changed, kwargs={"input_ids": torch.from_numpy(rows.tokens)}
    ).logits
    expected = torch.nn.functional.cross_entropy(
        logits.reshape(-1, VOCABULARY), torch.from_numpy(rows.labels).reshape(-1)
    )
    expected.backward()
    step = Step(TorchExecutor(base, shape, numbers, device=CPU, **how))
    np.testing.assert_allclose(step.logits(rows), logits.detach().numpy(), rtol=1e-3, atol=1e-3)
    loss, gradients = step.gradients(rows)
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    for name, found in gradients.items():
        gradient = sides[name].grad
        assert gradient is not None
        wanted = gradient.numpy()
        assert np.linalg.norm(found - wanted) < 1e-4 * np.linalg.norm(wanted), name


def _added(name: str, sides: dict[str, Any]) -> Any:
    """B A of a parameter, where an adapter is added to it."""

    def product(matrix: str) -> Any:
        prefix = f"blk.{name.split('.')[2]}.{matrix}.weight.lora_"
        return sides[f"{prefix}b"] @ sides[f"{prefix}a"]

    if ".experts.gate_up_proj" in name:
        return torch.cat((product("ffn_gate_exps"), product("ffn_up_exps")), dim=1)
    if ".experts.down_proj" in name:
        return product("ffn_down_exps")
    for module, matrix in (
        ("q_proj.weight", "attn_q"), ("k_proj.weight", "attn_k"), ("v_proj.weight", "attn_v"),
        ("o_proj.weight", "attn_output"),
    ):  # fmt: skip
        if name.endswith(module):
            return product(matrix)
    return None


def test_experts_that_no_token_chose_do_not_move(base: Path) -> None:
    shape = whole_shape(base)._replace(target_modules=("ffn_up_exps",))
    numbers = adapter(Architecture.of(read_header(base)), shape)
    step = Step(TorchExecutor(base, shape, numbers, device=CPU))
    one = batch(2, 1)
    one.labels[0, 0] = one.tokens[0, 1]
    _, gradients = step.gradients(one)
    moved = [bool(side.any()) for side in gradients["blk.1.ffn_up_exps.weight.lora_b"]]
    assert 2 <= sum(moved) < len(moved)


def test_an_adapter_of_other_experts_is_refused_before_the_engine_sees_it(
    base: Path, tmp_path: Path
) -> None:
    architecture, shape = Architecture.of(read_header(base)), whole_shape(base)
    path, numbers = tmp_path / "adapter.gguf", adapter(architecture, shape)
    write_gguf(path, numbers, shape, architecture, {})
    adapter_provenance.check(path, base, "whole", "moe")
    fewer = architecture._replace(experts=4)
    write_gguf(path, adapter(fewer, shape), shape, fewer, {})
    with pytest.raises(InvalidRequest, match="for other experts"):
        adapter_provenance.check(path, base, "fewer", "moe")
    name = "blk.0.ffn_up_exps.weight.lora_a"
    flat = {n: x.reshape(-1, x.shape[-1]) if n == name else x for n, x in numbers.items()}
    write_gguf(path, flat, shape, architecture, {})
    with pytest.raises(BadModelFile, match=f"{name}.* must have 3"):
        facts_of([path])


def test_a_merged_mixture_is_what_the_trainer_has(base: Path, tmp_path: Path) -> None:
    architecture, shape = Architecture.of(read_header(base)), whole_shape(base)
    path, numbers = tmp_path / "adapter.gguf", adapter(architecture, shape)
    write_gguf(path, numbers, shape, architecture, {})
    out = tmp_path / "merged.gguf"
    merging.write_gguf(MergedModel(base, [WeightedAdapter("a", path, "")], "moe"), out)
    none = {name: np.zeros_like(side) for name, side in numbers.items()}
    adapted, merged = (
        Step(TorchExecutor(file, shape, sides, device=CPU)).logits(batch())
        for file, sides in ((base, numbers), (out, none))
    )
    np.testing.assert_allclose(merged, adapted, rtol=1e-3, atol=1e-3)


def test_what_mixtures_of_experts_cannot_do_is_told(base: Path, tmp_path: Path) -> None:
    architecture = Architecture.of(read_header(base))
    assert architecture.targets == ("attn_q", "attn_k", "attn_v", "attn_output")
    with pytest.raises(InvalidRequest, match="without dropout"):
        fresh(whole_shape(base)._replace(dropout=0.1), architecture, seed=0)
    how = {"dtype": "float32", "rows": 1, "sequence": 32}
    with pytest.raises(CapabilityMissing, match="on Vulkan") as error:
        devices.choose_option(base, whole_shape(base), device="vulkan:0", free=1 << 30, **how)
    assert error.value.hint.endswith("--device cpu")
    with pytest.raises(CapabilityMissing, match=r"qwen3moe models .* written in this format"):
        hugging_face.write(MergedModel(base, [], "moe"), tmp_path / "out", "F32")
    assert not (tmp_path / "out").exists()
