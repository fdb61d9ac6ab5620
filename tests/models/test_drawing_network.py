"""Checkpoints of models that draw: told apart by their tensors, and refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.errors import BadModelFile
from ingle.models.drawing_network import drawing_network
from ingle.models.formats import find, read
from ingle.models.formats.checkpoint_format import CHECKPOINT

from .checkpoints import (
    CROSSED,
    DECODER,
    ENCODER,
    UNET,
    WHOLE,
    write_gguf,
    write_safetensors,
)

PARTS = {**ENCODER, **DECODER}


@pytest.mark.parametrize(
    ("shapes", "kind", "side"),
    [
        (WHOLE, "sd1", 512),
        ({**WHOLE, CROSSED: (320, 1024)}, "sd2", 768),
        ({**WHOLE, "conditioner.embedders.1.model.ln_final.weight": (4,)}, "sdxl", 1024),
        ({"model.diffusion_model.joint_blocks.0.x": (4,), **PARTS}, "sd3", 1024),
        ({"model.diffusion_model.double_blocks.0.x": (4,), **PARTS}, "flux", 1024),
        ({"model.diffusion_model.cap_embedder.0.weight": (4,), **PARTS}, "z-image", 1024),
        ({"unet.down_blocks.0.resnets.0.conv1.weight": (4,), **PARTS}, "sd1", 512),
    ],
)
def test_kinds_are_told_apart(shapes: dict[str, tuple[int, ...]], kind: str, side: int) -> None:
    assert drawing_network(shapes) == (kind, side)
    assert drawing_network({"blk.0.attn_q.weight": (4, 4)}) is None


@pytest.mark.parametrize("suffix", ["safetensors", "gguf"])
def test_both_containers_are_read_alike(tmp_path: Path, suffix: str) -> None:
    write = write_gguf if suffix == "gguf" else write_safetensors
    path = write(tmp_path / f"drawn.{suffix}", WHOLE)
    found = find(path)
    facts = read(found.format, found.files)
    assert found.format.name == ("gguf" if suffix == "gguf" else "checkpoint")
    assert facts.capabilities() == ["imagine"]
    assert (facts.architecture, facts.quantization) == ("sd1", "F16")
    assert facts.tensor_bytes == 2 * (3 * 16 + 320 * 768)
    assert facts.metadata == {"image size": 512}


@pytest.mark.parametrize("suffix", ["safetensors", "gguf"])
@pytest.mark.parametrize(
    ("shapes", "why"),
    [
        ({**UNET, **DECODER}, "has no text encoder"),
        ({**UNET, **ENCODER}, "has no decoder"),
    ],
)
def test_a_part_is_not_a_model(
    tmp_path: Path, suffix: str, shapes: dict[str, tuple[int, ...]], why: str
) -> None:
    write = write_gguf if suffix == "gguf" else write_safetensors
    found = find(write(tmp_path / f"part.{suffix}", shapes))
    with pytest.raises(BadModelFile, match=why):
        read(found.format, found.files)


def test_what_is_not_a_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    whole = write_safetensors(tmp_path / "drawn.safetensors", WHOLE).read_bytes()
    lora = {"lora_unet_down_blocks_0.lora_up.weight": (4, 4)}
    (tmp_path / "drawn.safetensors").unlink()
    for name, data, why in (
        ("cut", whole[:-100], "it was cut off"),
        ("garbage", bytes(range(256)) * 40, "not a safetensors file"),
        ("empty", b"", "too few for a safetensors file"),
    ):
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(data)
        found = find(path)
        with pytest.raises(BadModelFile, match=f"{name}.*{why}"):
            read(found.format, found.files)
        path.unlink()
    found = find(write_safetensors(tmp_path / "lora.safetensors", lora))
    with pytest.raises(BadModelFile, match=r"lora\.safetensors: it has no network that draws"):
        read(found.format, found.files)


def test_parts_of_other_models_are_not_taken_for_checkpoints() -> None:
    parts = ["model.safetensors", "a-00001-of-00002.safetensors", "adapter_model.safetensors"]
    assert CHECKPOINT.choose(parts) == []
    assert CHECKPOINT.choose(["a.safetensors", "config.json"]) == []
    assert [each.stem for each in CHECKPOINT.choose(["a.safetensors", "b/c.safetensors"])] == [
        "a",
        "c",
    ]
