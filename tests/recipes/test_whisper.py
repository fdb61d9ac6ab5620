"""CTranslate2's Whisper as a file of whisper.cpp: every number where it belongs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recipes.whisper import mel
from recipes.whisper.convert import write
from recipes.whisper.source import Source

from ingle.errors import BadModelFile
from ingle.models.ggml_whisper import read_whisper
from tests.models.whisper_files import LAYERS, VOCABULARY, WIDTH, write_folder, write_ggml


def stored(path: Path, name: str) -> np.ndarray:
    tensor = read_whisper(path).tensors[name]
    with path.open("rb") as file:
        file.seek(tensor.offset)
        data = file.read(tensor.size)
    return np.frombuffer(data, f"f{tensor.type.bytes}").reshape(tensor.shape)


def test_all_tensors_are_there_and_attention_is_taken_apart(tmp_path: Path) -> None:
    variables = write_folder(tmp_path / "ct2")
    path = write_ggml(tmp_path)
    found = read_whisper(path)
    assert len(found.tensors) == 11 + LAYERS * (15 + 24)
    assert (found.tokens, found.sizes.vocabulary) == (VOCABULARY, VOCABULARY)
    together = variables["decoder/layer_1/self_attention/linear_0/weight"]
    assert (stored(path, "decoder.blocks.1.attn.key.weight") == together[WIDTH : 2 * WIDTH]).all()
    crossed = variables["decoder/layer_0/attention/linear_1/bias"].astype(np.float32)
    assert (stored(path, "decoder.blocks.0.cross_attn.value.bias") == crossed[WIDTH:]).all()
    second = variables["encoder/layer_1/ffn/linear_1/weight"]
    assert (stored(path, "encoder.blocks.1.mlp.2.weight") == second).all()
    norm = variables["encoder/layer_norm/gamma"].astype(np.float32)
    assert (stored(path, "encoder.ln_post.weight") == norm).all()


def test_int8_is_written_from_its_scales(tmp_path: Path) -> None:
    write_folder(tmp_path / "ct2")
    exact = write_ggml(tmp_path).rename(tmp_path / "exact.bin")
    write_folder(tmp_path / "ct2", int8=True)
    path = write_ggml(tmp_path)
    name = "encoder.blocks.0.attn.query.weight"
    assert np.abs(stored(path, name).astype(float) - stored(exact, name)).max() < 0.03


@pytest.mark.parametrize("kind", ["q8_0", "q5_0", "q5_1", "q4_0", "f32"])
def test_other_types_are_smaller_or_larger_and_read(tmp_path: Path, kind: str) -> None:
    half, other = write_ggml(tmp_path), write_ggml(tmp_path, kind)
    found = read_whisper(other)
    assert found.tensors["decoder.token_embedding.weight"].type.name == kind.upper()
    assert (other.stat().st_size > half.stat().st_size) == (kind == "f32")


def test_another_model_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path / "mt", spec="TransformerSpec")
    with pytest.raises(ValueError, match="TransformerSpec, not Whisper"):
        Source(tmp_path / "mt")


def test_a_cut_source_leaves_nothing(tmp_path: Path) -> None:
    write_folder(tmp_path / "ct2")
    with (tmp_path / "ct2" / "model.bin").open("r+b") as file:
        file.truncate(5000)
    with pytest.raises(BadModelFile, match="bytes needed, the file has 5000"):
        write(Source(tmp_path / "ct2"), tmp_path / "out.bin", "f16")
    assert not (tmp_path / "out.bin").exists()


def test_mel_filters_are_triangles_of_area_one() -> None:
    found = mel.filters(80)
    assert found.shape == (80, 201)
    # Bins are 40 Hz wide; the widest triangles have enough of them to tell.
    assert found[40:].sum(1) * 40 == pytest.approx(1, abs=0.1)
    assert (found.argmax(1)[1:] >= found.argmax(1)[:-1]).all()
    assert found.dtype == np.float32
