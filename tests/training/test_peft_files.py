"""Adapters that PEFT itself wrote: each is taken exactly, or refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch

from ingle.errors import BadModelFile, CapabilityMissing, IngleError
from ingle.models.gguf import read_header
from ingle.training import peft_files
from ingle.training.adapter_files import in_pairs, modules_of
from ingle.training.architecture import Architecture
from ingle.training.merging import MergedModel, WeightedAdapter
from tests.training import transformers_models as models

pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore")]
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def trained(folder: Path, name: str = "llama3", **fields: Any) -> tuple[Any, dict[str, Any], Path]:
    """A model with an adapter of random numbers, its weights before, and its base as GGUF. An
    adapter that takes something out of the base is kept as it begins, too."""
    model = models.make(name)
    base = models.write(model, folder / "base.gguf")
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    given = {"r": 4, "lora_alpha": 12, "target_modules": ALL, **fields}
    adapted = peft.get_peft_model(model, peft.LoraConfig(**given))
    begins = given.get("init_lora_weights")
    if begins in ("pissa", "olora"):
        adapted.save_pretrained(str(folder / "peft" / f"{begins}_init"))
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    adapted.save_pretrained(str(folder / "peft"))
    return adapted, before, base


def converted(folder: Path, base: Path) -> Path:
    out = folder / "adapter.gguf"
    peft_files.convert(folder / "peft", base, out, {"base": "sha256:b"})
    return out


def differences(base: Path, adapter: Path) -> dict[str, Any]:
    """What the GGUF adapter adds to each matrix that it changes."""
    merged = MergedModel(base, [WeightedAdapter("a", adapter, "sha256:a")], "tiny")
    plain = MergedModel(base, [], "tiny")
    return {
        tensor.name: merged.values(tensor) - plain.values(tensor)
        for tensor, changed in merged.tensors()
        if changed
    }


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"use_rslora": True},
        {"lora_alpha": 0.5, "r": 7},
        {"rank_pattern": {"q_proj": 8, "layers.1.mlp.up_proj": 2}, "alpha_pattern": {"k_proj": 3}},
        {"rank_pattern": {"o_proj": 9}, "use_rslora": True, "alpha_pattern": {"up_proj": 1.5}},
        {"layers_to_transform": [1]},
        {"target_modules": ["q_proj", "down_proj"], "layers_to_transform": 0},
        {"init_lora_weights": "pissa"},
        {"init_lora_weights": "olora", "use_rslora": True},
        {"init_lora_weights": "orthogonal"},
        {"init_lora_weights": "gaussian", "lora_dropout": 0.1},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["llama3", "qwen3"])
def test_what_is_taken_is_what_peft_computes(
    tmp_path: Path, name: str, fields: dict[str, Any]
) -> None:
    adapted, before, base = trained(tmp_path, name, **fields)
    found = differences(base, converted(tmp_path, base))
    modules = modules_of(Architecture.of(read_header(base)))
    expected = {}
    for place, layer in adapted.get_base_model().named_modules():
        if isinstance(layer, peft.tuners.lora.Linear):
            whole = layer.base_layer.weight + layer.get_delta_weight("default")
            change = (whole - before[f"{place}.weight"]).detach().numpy()
            number, module = place.removeprefix("model.layers.").split(".", 1)
            matrix = next(key for key, value in modules.items() if value == module)
            if name == "llama3" and matrix in ("attn_q", "attn_k"):
                change = in_pairs(change, models.HEAD)
            expected[f"blk.{number}.{matrix}.weight"] = change
    assert found.keys() == expected.keys()
    for place, change in expected.items():
        np.testing.assert_allclose(found[place], change, atol=2e-5 * float(np.abs(change).max()))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"use_dora": True}, "whole rows of the base"),
        ({"alora_invocation_tokens": [5, 6]}, "behind certain tokens"),
        ({"lora_bias": True}, "B has biases"),
        ({"bias": "all"}, "biases of the base"),
        ({"trainable_token_indices": [1, 2]}, "rows of the embedding"),
        ({"layer_replication": [(0, 1), (0, 2)]}, "repeats layers"),
        ({"modules_to_save": ["lm_head"]}, "whole modules"),
        ({"target_modules": ["embed_tokens"]}, "embed_tokens.*not a LoRA matrix"),
        ({"target_modules": ["lm_head"]}, "lm_head.*not a LoRA matrix"),
        ({"rank_pattern": {".*(q|k)_proj": 2}}, "regular expression"),
    ],
    ids=str,
)
def test_what_plain_lora_cannot_say_is_refused(
    tmp_path: Path, fields: dict[str, Any], reason: str
) -> None:
    _, _, base = trained(tmp_path, **fields)
    with pytest.raises(CapabilityMissing, match=reason):
        converted(tmp_path, base)
    assert not (tmp_path / "adapter.gguf").exists()


def test_an_adapter_that_changed_its_base_needs_what_it_began_with(tmp_path: Path) -> None:
    _, _, base = trained(tmp_path, init_lora_weights="pissa")
    (tmp_path / "peft" / "pissa_init").rename(tmp_path / "elsewhere")
    with pytest.raises(CapabilityMissing, match="began by pissa") as caught:
        converted(tmp_path, base)
    assert "pissa_init" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("fields", "error", "reason"),
    [
        ({"use_qalora": True}, CapabilityMissing, "averages"),
        ({"from_the_future": 3, "peft_version": "9.1"}, CapabilityMissing, "PEFT 9.1 wrote it"),
        ({"from_the_future": {"a": 1}}, CapabilityMissing, "from_the_future"),
        ({"init_lora_weights": "loftq"}, CapabilityMissing, "changed before"),
        ({"init_lora_weights": "tomorrow"}, CapabilityMissing, "tomorrow"),
        ({"lora_alpha": 0}, CapabilityMissing, "changes nothing"),
        ({"r": True}, BadModelFile, "no rank"),
        ({"r": 9}, BadModelFile, "do not belong together"),
        ({"rank_pattern": [1]}, BadModelFile, "cannot be used"),
        ({"alpha_pattern": {"q_proj": "much"}}, BadModelFile, "cannot be used"),
    ],
    ids=str,
)
def test_fields_that_mean_something_else_are_refused(
    tmp_path: Path, fields: dict[str, Any], error: type[IngleError], reason: str
) -> None:
    _, _, base = trained(tmp_path)
    path = tmp_path / "peft" / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    with pytest.raises(error, match=reason):
        converted(tmp_path, base)


def test_a_later_field_that_asks_for_nothing_is_no_hindrance(tmp_path: Path) -> None:
    _, _, base = trained(tmp_path)
    path = tmp_path / "peft" / "adapter_config.json"
    later = {"from_the_future": None, "another": False, "third": {}, "fourth": []}
    path.write_text(json.dumps({**json.loads(path.read_text()), **later}))
    assert read_header(converted(tmp_path, base)).tensors


def test_a_side_that_is_missing_or_no_number_is_named(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    _, _, base = trained(tmp_path)
    weights = tmp_path / "peft" / "adapter_model.safetensors"
    whole = load_file(weights)
    name = next(name for name in whole if name.endswith("lora_B.weight"))
    save_file({key: value for key, value in whole.items() if key != name}, weights)
    with pytest.raises(BadModelFile, match="only one of lora_A and lora_B"):
        converted(tmp_path, base)
    save_file({**whole, name: whole[name] * float("nan")}, weights)
    with pytest.raises(BadModelFile, match="finite"):
        converted(tmp_path, base)
    save_file(
        {name.replace("layers.0", "layers.7"): value for name, value in whole.items()}, weights
    )
    with pytest.raises(BadModelFile, match="a layer that the base lacks"):
        converted(tmp_path, base)


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    _, _, base = trained(tmp_path)
    weights = tmp_path / "peft" / "adapter_model.safetensors"
    weights.rename(weights.with_name("adapter_model.bin"))
    with pytest.raises(CapabilityMissing, match="a pickle"):
        converted(tmp_path, base)
