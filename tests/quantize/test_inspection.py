"""What a file holds and wastes, and in what two differ."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from ingle.errors import BadModelFile
from ingle.models.gguf_layout import GgufLayout, NewTensor, string
from ingle.quantize.file_quantization import Quantization
from ingle.quantize.inspection import differences, duplicates, figures, types
from ingle.quantize.tensor_files import opened
from tests.quantize.shapes import ModelShape, write_shape


def write_gguf(path: Path, tensors: dict[str, np.ndarray]) -> Path:
    made = [NewTensor(n, tuple(reversed(v.shape)), 0, v.nbytes) for n, v in tensors.items()]
    layout = GgufLayout({"general.architecture": string("llama")}, made)
    with path.open("wb") as file:
        file.write(layout.header)
        for tensor, values in zip(made, tensors.values(), strict=True):
            file.write(values.tobytes().ljust(layout.padded(tensor.size), b"\0"))
    return path


def write_safetensors(path: Path, tensors: dict[str, np.ndarray]) -> Path:
    header, at = {}, 0
    for name, values in tensors.items():
        end = at + values.nbytes
        header[name] = {"dtype": "F32", "shape": values.shape, "data_offsets": [at, end]}
        at = end
    data = json.dumps(header).encode()
    body = b"".join(values.tobytes() for values in tensors.values())
    path.write_bytes(struct.pack("<Q", len(data)) + data + body)
    return path


MATRIX = np.random.default_rng(0).standard_normal((8, 32)).astype(np.float32)


def test_what_is_there_twice_is_found(tmp_path: Path) -> None:
    tensors = {"token_embd.weight": MATRIX, "output.weight": MATRIX, "other.weight": MATRIX + 1}
    for file in (
        opened(write_gguf(tmp_path / "a.gguf", tensors)),
        opened(write_safetensors(tmp_path / "a.safetensors", tensors)),
    ):
        ((one, other),) = duplicates(file)
        assert (one.name, other.name) == ("token_embd.weight", "output.weight")
        assert types(file) == {"F32": (3, 3 * MATRIX.nbytes)}
        assert [tensor.shape for tensor in file.tensors] == [(8, 32)] * 3


def test_numbers_are_looked_at(tmp_path: Path) -> None:
    strange = MATRIX.copy()
    strange[3, 5], strange[0, 0], strange[1, 1] = np.nan, 100.0, 0.0
    (tensor,) = opened(write_gguf(tmp_path / "a.gguf", {"x.weight": strange})).tensors
    found = figures(tensor)
    assert found is not None
    assert found.strange == 1
    assert found.largest == 100.0
    assert found.outlier == pytest.approx(100 / found.rms)
    assert found.zeros == pytest.approx(2 / 256)  # with the one that is no number


def test_differences_say_how_large_they_are(tmp_path: Path) -> None:
    model = write_shape(tmp_path / "model.gguf", ModelShape(layers=1))
    quantization = Quantization(model, "Q8_0")
    for _ in quantization.write(tmp_path / "eight.gguf"):
        pass
    one, other = opened(model), opened(tmp_path / "eight.gguf")
    assert list(differences(one, one)) == []
    found = {each.name: each for each in differences(one, other)}
    norms = {tensor.name for tensor in one.tensors if tensor.name.endswith("_norm.weight")}
    assert found.keys() == {tensor.name for tensor in one.tensors} - norms
    each = found["blk.0.attn_q.weight"]
    assert (each.what, each.one, each.other) == ("type", "F16", "Q8_0")
    assert each.error is not None
    assert 0.001 < each.error < 0.01
    fewer = write_gguf(tmp_path / "b.gguf", {"blk.0.attn_q.weight": MATRIX, "new.weight": MATRIX})
    kinds = {each.what for each in differences(one, opened(fewer))}
    assert kinds == {"shape", "only in A", "only in B"}


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"\x80\x02}q\x00.")  # a pickle is never opened
    with pytest.raises(BadModelFile, match="neither GGUF nor safetensors"):
        opened(path)
    cut = write_safetensors(tmp_path / "cut.safetensors", {"x": MATRIX})
    cut.write_bytes(cut.read_bytes()[:-10])
    with pytest.raises(BadModelFile, match="cut off"):
        opened(cut)
