"""Bases that cannot be trained: what is in the way is named, and what would work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import msgspec
import pytest
import torch

from ingle.errors import BadModelFile, CapabilityMissing, InvalidRequest
from ingle.models.gguf import read_header
from ingle.training import fitting
from ingle.training.architecture import Architecture
from ingle.training.families import FAMILIES
from ingle.training.lora import LoraConfig, fresh
from ingle.training.pytorch.executor import TorchExecutor
from ingle.training.run import Run
from tests.training.models import write_base
from tests.training.test_run import begin

pytestmark = pytest.mark.extras


def changed(base: Path, out: Path, *, tensor: str = "", **metadata: Any) -> Path:
    """A copy of a base with one tensor or some entries more."""
    whole = gguf.GGUFReader(base)
    architecture = str(whole.fields["general.architecture"].contents())
    writer = gguf.GGUFWriter(out, architecture)
    for field in whole.fields.values():
        if not field.name.startswith("GGUF.") and field.name != "general.architecture":
            inner = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=inner)
    for key, value in metadata.items():
        writer.add_float32(f"{architecture}.{key}", value)
    for found in whole.tensors:
        writer.add_tensor(found.name, found.data, raw_dtype=found.tensor_type)
    if tensor:
        writer.add_tensor(tensor, whole.tensors[1].data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out


def refusal(path: Path) -> CapabilityMissing:
    with pytest.raises(CapabilityMissing) as caught:
        Architecture.of(read_header(path))
    assert "ember" in caught.value.hint
    return caught.value


def test_an_architecture_that_is_not_in_the_table(tmp_path: Path) -> None:
    told = refusal(write_base(tmp_path / "base.gguf", architecture="falcon")).message
    assert told.startswith("falcon models cannot be trained yet; ")
    assert all(name in told for name in FAMILIES)


def test_a_part_of_a_block_that_no_block_here_has(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base.gguf", architecture="llama")
    for name in ("blk.1.attn_sinks.weight", "blk.0.attn_q.scale", "blk.2.ffn_gate_inp.weight"):
        told = refusal(changed(base, tmp_path / "more.gguf", tensor=name)).message
        assert told == f"llama models with the tensor {name} cannot be trained yet"
    # What lies beyond the decoder's blocks is no part of it.
    Architecture.of(
        read_header(changed(base, tmp_path / "more.gguf", tensor="blk.3.nextn.eh_proj.weight"))
    )


def test_settings_by_which_the_engine_computes_otherwise(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base.gguf", architecture="gemma3")
    path = changed(base, tmp_path / "more.gguf", final_logit_softcapping=30.0)
    assert "gemma3 models with final_logit_softcapping" in refusal(path).message
    base = write_base(tmp_path / "base.gguf", architecture="llama")
    path = changed(base, tmp_path / "more.gguf", expert_count=8)
    told = refusal(path).message
    assert told.startswith("mixtures of experts of the architecture llama cannot be trained")
    assert told.endswith("those of qwen3moe can")


def test_a_matrix_that_is_not_there(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base.gguf", architecture="llama")
    whole = base.read_bytes()
    base.write_bytes(whole.replace(b"blk.1.attn_v.weight", b"blk.7.attn_v.weight"))
    shape = LoraConfig(2, 4.0)
    numbers = fresh(shape, Architecture.of(read_header(base)), seed=0)
    with pytest.raises(BadModelFile, match=r"no tensor blk\.1\.attn_v\.weight"):
        TorchExecutor(base, shape, numbers, device=torch.device("cpu"))


def test_rows_that_are_too_long_are_told_how_long_they_may_be(tmp_path: Path) -> None:
    folder = begin(tmp_path)
    plan = Run.plan_of(folder)
    architecture = Architecture.of(read_header(Path(plan.base)))
    with pytest.raises(InvalidRequest, match="512 tokens are more than the 256") as error:
        fitting.check_sequence(
            msgspec.structs.replace(plan, max_length=512),
            architecture._replace(context=256),
        )
    assert error.value.hint == "--max-length 256"
