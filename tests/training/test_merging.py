"""Adapters baked into models, and adapters from PEFT: in llama.cpp and in transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch

from ingle.capabilities.complete.operation import Complete
from ingle.engines.engine import AdapterFile, LoadSpec
from ingle.engines.llama.engine import LlamaEngine
from ingle.engines.llama.tensor_codec import numbers, packed
from ingle.errors import BadModelFile, CapabilityMissing, InvalidRequest
from ingle.models.gguf import read_header
from ingle.operations import AdapterUse, Event, Sampling, Text
from ingle.training import hugging_face, merging, peft_files
from ingle.training.adapter_files import in_pairs, to_half_rotation, write_gguf, write_peft
from ingle.training.architecture import Architecture
from ingle.training.base_types import TRAINABLE
from ingle.training.lora import LoraConfig
from ingle.training.merging import MergedModel, WeightedAdapter
from tests.training.adapters import adapter
from tests.training.models import VOCABULARY, split_base, write_base
from tests.training.transformers_models import DENSE

pytestmark = pytest.mark.extras

torch.set_num_threads(1)


def made(
    folder: Path, base: Path, *, alpha: float = 8.0, **shape: Any
) -> tuple[Path, Any, LoraConfig]:
    """An adapter that does something, as a file, its numbers and its shape."""
    architecture = Architecture.of(read_header(base))
    shape = {"target_modules": architecture.targets, **shape}
    chosen = LoraConfig(rank=4, alpha=alpha, **shape)
    found = adapter(architecture, chosen)
    write_gguf(folder / "adapter.gguf", found, chosen, architecture, {})
    return folder / "adapter.gguf", found, chosen


def tensors(path: Path) -> dict[str, Any]:
    """Every tensor's numbers, as gguf reads them."""
    return {
        t.name: gguf.quants.dequantize(t.data, t.tensor_type).reshape(tuple(reversed(t.shape)))
        for t in gguf.GGUFReader(path).tensors
    }


@pytest.mark.parametrize("kind", ["F32", "F16", "Q8_0", "Q4_0", "Q4_K", "Q6_K", "IQ4_XS"])
def test_each_type_is_kept_and_is_near(tmp_path: Path, kind: str) -> None:
    base = write_base(tmp_path / "base.gguf", kind=kind)
    file, found, shape = made(tmp_path, base, alpha=80.0, target_modules=("attn_q", "ffn_down"))
    merged = MergedModel(
        base,
        [WeightedAdapter("a", file, "sha256:a"), WeightedAdapter("a", file, "sha256:a", 0.5)],
        "tiny",
    )
    out = tmp_path / "merged.gguf"
    merging.write_gguf(merged, out)
    before, after = tensors(base), tensors(out)
    assert before.keys() == after.keys()
    kinds = {t.name: t.tensor_type for t in gguf.GGUFReader(base).tensors}
    assert kinds == {t.name: t.tensor_type for t in gguf.GGUFReader(out).tensors}
    loss = {"F32": 1e-6, "F16": 1e-3, "Q8_0": 0.01, "Q6_K": 0.03}.get(kind, 0.12)
    for name, old in before.items():
        if f"{name}.lora_a" not in found:
            np.testing.assert_array_equal(after[name], old)
            continue
        added = 1.5 * shape.scale * found[f"{name}.lora_b"] @ found[f"{name}.lora_a"]
        assert np.linalg.norm(added) > 0.25 * np.linalg.norm(old)
        error = np.linalg.norm(after[name] - old - added) / np.linalg.norm(old + added)
        assert error < loss, f"{name}: {error}"
    notes = read_header(out).metadata
    assert json.loads(str(notes["ingle.merged"]))[1]["scale"] == 0.5
    theirs = {k: f.contents() for k, f in gguf.GGUFReader(base).fields.items() if "." in k}
    ours = {k: f.contents() for k, f in gguf.GGUFReader(out).fields.items() if "." in k}
    assert {k: v for k, v in ours.items() if k in theirs and k[:5] != "GGUF."} == {
        k: v for k, v in theirs.items() if k[:5] != "GGUF."
    }
    assert not list(tmp_path.glob("*.part"))


def logprobs(base: Path, adapters: list[AdapterFile]) -> dict[int, float]:
    spec = LoadSpec(
        engine="llama",
        model="tiny",
        files={"weights": [str(base)]},
        slots=1,
        adapters=adapters,
        options={"context": 128},
    )
    session = LlamaEngine().open(spec)
    try:
        found: list[Event] = []
        request = Complete(
            model="tiny", prompt=list(range(100, 120)), max_tokens=1, logprobs=True,
            top_logprobs=VOCABULARY, sampling=Sampling(temperature=0.0),
            adapters=[AdapterUse(name=a.name) for a in adapters],
        )  # fmt: skip
        session.perform(request, found.append)
        (text,) = [event for event in found if isinstance(event, Text) and event.logprobs]
        return {entry.id: entry.logprob or 0.0 for entry in text.logprobs[0].top}
    finally:
        session.close()


@pytest.mark.parametrize("kind", ["", "F16"])
def test_the_engine_says_the_same_of_the_merged_model(tmp_path: Path, kind: str) -> None:
    base = write_base(tmp_path / "base.gguf", kind="F32", architecture="llama")
    file, _, _ = made(tmp_path, base)
    out = tmp_path / "merged.gguf"
    merging.write_gguf(
        MergedModel(base, [WeightedAdapter("a", file, "")], "tiny"), out, kind or merging.KEEP
    )
    apart = logprobs(base, [AdapterFile(name="a", path=str(file))])
    together, plain = logprobs(out, []), logprobs(base, [])
    top = sorted(apart, key=lambda token: -apart[token])[:20]
    assert max(abs(apart[t] - together[t]) for t in top) < (0.2 if kind else 0.01)
    assert max(abs(apart[t] - plain[t]) for t in top) > 0.5


def test_a_base_in_several_files_becomes_one(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base.gguf")
    file, _, _ = made(tmp_path, base)
    files = split_base(base, "parts", tmp_path)
    assert files[0].name == f"parts-00001-of-{len(files):05d}.gguf"
    assert len(files) > 2
    one, several = tmp_path / "one.gguf", tmp_path / "several.gguf"
    merging.write_gguf(MergedModel(base, [WeightedAdapter("a", file, "")], "tiny"), one)
    merging.write_gguf(MergedModel(files[0], [WeightedAdapter("a", file, "")], "tiny"), several)
    expected, found = tensors(one), tensors(several)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
    assert not [key for key in read_header(several).metadata if key.startswith("split.")]
    # The engine reads the parts with the adapter beside them, and the one file that came out.
    apart = logprobs(files[0], [AdapterFile(name="a", path=str(file))])
    together = logprobs(several, [])
    top = sorted(apart, key=lambda token: -apart[token])[:20]
    assert max(abs(apart[t] - together[t]) for t in top) < 0.01
    files[1].unlink()
    with pytest.raises(BadModelFile, match="is missing"):
        MergedModel(files[0], [WeightedAdapter("a", file, "")], "tiny")


def test_what_is_called_readable_is(tmp_path: Path) -> None:
    for kind in TRAINABLE:
        block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
        found = numbers(np.zeros(size, dtype=np.uint8), kind, (1, block))
        assert found.shape == (1, block)
    for kind in ("Q8_1", "I8", "none"):
        with pytest.raises(CapabilityMissing, match=f"no weights in {kind}"):
            numbers(np.zeros(512, dtype=np.uint8), kind, (1, 256))


def test_a_type_that_cannot_be_is_named(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base.gguf")
    file, _, _ = made(tmp_path, base)
    merged = MergedModel(base, [WeightedAdapter("a", file, "")], "tiny")
    with pytest.raises(CapabilityMissing, match="Q2_K is not one of keep, F32"):
        merging.write_gguf(merged, tmp_path / "out.gguf", "Q2_K")
    with pytest.raises(CapabilityMissing, match="Q8_0 is not one of"):
        hugging_face.write(merged, tmp_path / "out", "Q8_0")
    assert not list(tmp_path.glob("out*"))
    other = write_base(tmp_path / "other.gguf", architecture="llama")
    with pytest.raises(InvalidRequest, match="qwen3 models"):
        MergedModel(other, [WeightedAdapter("a", file, "")], "other")
    values = np.random.default_rng(1).standard_normal((4, 64)).astype(np.float32)
    with pytest.raises(CapabilityMissing, match="rows of 64"):
        packed(values, "Q4_K")
    with pytest.raises(CapabilityMissing, match="Z9"):
        packed(values, "Z9")
    for kind in ("F32", "F16", "BF16", "Q8_0"):
        np.testing.assert_allclose(numbers(packed(values, kind), kind, (4, 64)), values, atol=0.05)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", DENSE)
def test_transformers_loads_the_merged_model(tmp_path: Path, name: str) -> None:
    import transformers
    from peft import PeftModel

    from tests.training import transformers_models as models

    model = models.make(name)
    base = models.write(model, tmp_path / "base.gguf")
    file, found, shape = made(tmp_path, base)
    merged = MergedModel(base, [WeightedAdapter("a", file, "")], name)
    if name == "llama3":  # its original context is one that no model of theirs has
        merged.header.metadata["llama.rope.scaling.original_context_length"] = 64
    hugging_face.write(merged, tmp_path / "out", "F32")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "out", attn_implementation="eager", dtype=torch.float32
    )
    architecture = Architecture.of(read_header(base))
    write_peft(tmp_path / "peft", found, shape, architecture, name)
    with_adapter = PeftModel.from_pretrained(model, str(tmp_path / "peft"))
    tokens = torch.randint(0, models.VOCABULARY, (2, 40))
    with torch.no_grad():
        expected, logits = with_adapter(tokens).logits, theirs(tokens).logits
    assert (logits - expected).abs().max() < 1e-4 * max(1.0, float(expected.abs().max()))


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("architecture", ["qwen3", "llama"])
def test_a_peft_folder_becomes_the_same_adapter(
    tmp_path: Path, architecture: str, kind: Any
) -> None:
    from safetensors.torch import load_file, save_file

    base = write_base(tmp_path / "base.gguf", architecture=architecture)
    _, found, shape = made(tmp_path, base, use_rslora=True)
    folder = tmp_path / "peft"
    write_peft(folder, found, shape, Architecture.of(read_header(base)), "tiny")
    weights = folder / "adapter_model.safetensors"
    save_file({name: t.to(kind) for name, t in load_file(weights).items()}, weights)
    out = tmp_path / "again.gguf"
    peft_files.convert(folder, base, out, {"base": "sha256:b"})
    for name, values in tensors(out).items():
        np.testing.assert_allclose(values, found[name], rtol=1e-2 if kind == torch.bfloat16 else 0)
    notes = read_header(out).metadata
    assert notes["adapter.lora.alpha"] == pytest.approx(shape.scale * shape.rank)
    assert notes["ingle.base"] == "sha256:b"
    rows = found["blk.0.attn_q.weight.lora_b"]
    np.testing.assert_array_equal(in_pairs(to_half_rotation(rows, 64), 64), rows)


def test_a_peft_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base.gguf")
    _, found, shape = made(tmp_path, base)
    folder = tmp_path / "peft"
    with pytest.raises(BadModelFile, match="not a PEFT adapter"):
        peft_files.convert(folder, base, tmp_path / "out.gguf", {})
    write_peft(folder, found, shape, Architecture.of(read_header(base)), "tiny")
    config = json.loads((folder / "adapter_config.json").read_text())

    def refused(error: type[Exception], match: str, **more: Any) -> None:
        (folder / "adapter_config.json").write_text(json.dumps({**config, **more}))
        with pytest.raises(error, match=match):
            peft_files.convert(folder, base, tmp_path / "out.gguf", {})

    refused(CapabilityMissing, "use_dora", use_dora=True)
    refused(CapabilityMissing, "biases", bias="all")
    refused(CapabilityMissing, "LOHA", peft_type="LOHA")
    refused(BadModelFile, "do not belong together", r=8)
    weights = folder / "adapter_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-8])
    refused(BadModelFile, "outside of the file")
    weights.write_bytes(whole[:100])
    refused(BadModelFile, "cannot be read")
    other = write_base(tmp_path / "smaller.gguf", architecture="qwen2")
    weights.write_bytes(whole)
    (folder / "adapter_config.json").write_text(json.dumps(config))
    renamed = whole.replace(b"self_attn.q_proj.lora_A", b"self_attn.x_proj.lora_A")
    weights.write_bytes(renamed)
    with pytest.raises(CapabilityMissing, match="x_proj"):
        peft_files.convert(folder, other, tmp_path / "out.gguf", {})
