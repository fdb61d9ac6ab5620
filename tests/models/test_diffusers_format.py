"""Pipelines of diffusers: recognised, told of from their headers, and refused when they are bad."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingle.errors import BadModelFile
from ingle.models.facts import Facts
from ingle.models.formats import find, read
from ingle.models.formats.diffusers_format import DIFFUSERS
from ingle.models.safetensors_header import read_safetensors

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.36.0",
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
UNET, VAE = "unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model"


def tensors(path: Path, dtype: str = "F16", numbers: int = 8, **metadata: str) -> Path:
    size = numbers * (2 if dtype == "F16" else 4)
    header = {
        "__metadata__": metadata,
        "a.weight": {"dtype": dtype, "shape": [numbers], "data_offsets": [0, size]},
    }
    data = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(data)) + data + bytes(size))
    return path


def pipeline(folder: Path, *, variant: str = "", index: dict[str, Any] | None = None) -> Path:
    for name in (UNET, VAE, "text_encoder/model"):
        tensors(folder / f"{name}{variant}.safetensors")
    files = {
        "unet/config.json": {"sample_size": 64},
        "vae/config.json": {"block_out_channels": [128, 256, 512, 512]},
        "text_encoder/config.json": {},
        "scheduler/scheduler_config.json": {},
        "tokenizer/vocab.json": {},
        "model_index.json": INDEX if index is None else index,
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    return folder


def facts(path: Path) -> Facts:
    found = find(path)
    return read(found.format, found.files)


def test_a_pipeline_says_what_it_is(tmp_path: Path) -> None:
    found = facts(pipeline(tmp_path / "sd"))
    assert (found.format, found.abilities, found.architecture) == ("diffusers", ["imagine"], "sd")
    assert (found.parameters, found.tensor_bytes, found.quantization) == (24, 48, "F16")
    assert found.metadata == {"image size": 512, "scale": 8, "decoder channels": 512}
    inside = facts(tmp_path / "sd" / "model_index.json")
    assert inside.architecture == "sd"


def test_half_precision_is_taken_where_all_have_it(tmp_path: Path) -> None:
    folder = pipeline(tmp_path / "sd")
    pipeline(folder, variant=".fp16")
    tensors(folder / "unet" / "diffusion_pytorch_model.non_ema.safetensors")
    weights = [name for role, name in find(folder).chosen.files if role == "weights"]
    assert weights == [
        f"{UNET}.fp16.safetensors",
        "text_encoder/model.fp16.safetensors",
        f"{VAE}.fp16.safetensors",
    ]
    (folder / f"{VAE}.fp16.safetensors").unlink()
    weights = [name for role, name in find(folder).chosen.files if role == "weights"]
    assert f"{UNET}.safetensors" in weights
    assert not any("fp16" in name or "non_ema" in name for name in weights)


def test_a_repository_is_recognised_by_names_alone() -> None:
    names = ["a/model_index.json", f"a/{UNET}-00001-of-00002.safetensors",
             f"a/{UNET}-00002-of-00002.safetensors", "a/unet/config.json", "a/README.md",
             "a/v1-5.safetensors", "a/unet/deeper/x.safetensors"]  # fmt: skip
    (found,) = DIFFUSERS.choose(names)
    assert found.stem == "a"
    assert found.names == [names[1], names[2], names[0], names[3]]
    assert DIFFUSERS.choose(["model_index.json", "unet/x.bin"]) == []


def cut(folder: Path) -> None:
    path = folder / f"{VAE}.safetensors"
    path.write_bytes(path.read_bytes()[:-3])


def garbage(folder: Path) -> None:
    (folder / f"{UNET}.safetensors").write_bytes(b"\x93NUMPY" * 40)


def misplaced(folder: Path) -> None:
    header = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}
    data = json.dumps(header).encode()
    path = folder / f"{UNET}.safetensors"
    path.write_bytes(struct.pack("<Q", len(data)) + data + bytes(12))


def pickled(folder: Path) -> None:
    (folder / f"{VAE}.safetensors").rename(folder / f"{VAE}.bin")
    (folder / "vae/config.json").unlink()


def own_code(folder: Path) -> None:
    index = {**INDEX, "unet": ["my_pipeline", "MyUNet"]}
    (folder / "model_index.json").write_text(json.dumps(index))


def other_pipeline(folder: Path) -> None:
    index = {**INDEX, "_class_name": "DownloadsEverythingPipeline"}
    (folder / "model_index.json").write_text(json.dumps(index))


def broken_index(folder: Path) -> None:
    (folder / "model_index.json").write_text("{")


def bad_config(folder: Path) -> None:
    (folder / "vae/config.json").write_text('{"block_out_channels": "many"}')


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (cut, r"diffusion_pytorch_model\.safetensors: its tensors need 16 bytes, but 13"),
        (garbage, r"diffusion_pytorch_model\.safetensors: not a safetensors file"),
        (misplaced, "a begins at 4, not at 0"),
        (pickled, "names the part vae, but there are no files of it that can be read"),
        (own_code, "unet wants code that is not of diffusers or transformers"),
        (other_pipeline, "'DownloadsEverythingPipeline' is not a pipeline that can be run"),
        (broken_index, r"model_index\.json"),
        (bad_config, r"config\.json"),
    ],
)
def test_what_cannot_be_trusted_is_refused_by_name(
    tmp_path: Path, spoil: Callable[[Path], None], told: str
) -> None:
    folder = pipeline(tmp_path / "sd")
    spoil(folder)
    with pytest.raises(BadModelFile, match=told):
        facts(folder)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "too few"),
        (struct.pack("<Q", 2**40) + b"{}", "its header would have"),
        (struct.pack("<Q", 2) + b"[]", "cannot be read"),
        (struct.pack("<Q", 60) + b'{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,1]}}      ' +
         b"0", "unknown type 'F99'"),
        (struct.pack("<Q", 60) + b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,4]}}      ' +
         b"0123", "which is not its shape"),
    ],
)  # fmt: skip
def test_bad_safetensors_are_refused(tmp_path: Path, data: bytes, told: str) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(BadModelFile, match=told):
        read_safetensors(path)
