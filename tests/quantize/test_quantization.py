"""Files are what ggml makes of each tensor; they survive interruptions; bad input is told."""

from __future__ import annotations

import random
from pathlib import Path

import gguf
import numpy as np
import pytest

from ingle.engines.llama.gguf_source import GgufSource
from ingle.engines.llama.tensor_codec import numbers, packed
from ingle.errors import BadModelFile, InvalidRequest
from ingle.models.gguf import read_header, read_raw_metadata
from ingle.models.gguf_layout import GgufLayout, NewTensor, string
from ingle.models.tensor_types import TENSOR_TYPES
from ingle.quantize.file_quantization import Quantization
from ingle.quantize.imatrix_file import Imatrix, InputStatistics, read_imatrix, write_imatrix
from ingle.quantize.tensor_layout import LayoutOptions
from tests.models.weights import write_model, write_shards
from tests.quantize.shapes import SHAPES, ModelShape, made_up_imatrix, write_shape


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_shape(tmp_path / "model.gguf", ModelShape(layers=2))


def written(quantization: Quantization, out: Path, threads: int = 2) -> Path:
    for _ in quantization.write(out, threads):
        pass
    return out


def matrix(source: GgufSource, name: str) -> np.ndarray:
    tensor = next(each for each in source.header.tensors if each.name == name)
    rows = tensor.elements // tensor.shape[0]
    return numbers(source.bytes(tensor), tensor.type.name, (rows, tensor.shape[0]))


LONG = ("IQ1_S", "IQ1_M", "IQ2_S", "IQ2_XS")
"""Before the first row of these ggml makes tables for seconds."""
KINDS = [
    pytest.param(kind.name, marks=pytest.mark.extras if kind.name in LONG else ())
    for kind in TENSOR_TYPES.values()
    if kind.name not in ("Q8_1", "Q8_K", "I8", "I16", "I32", "I64", "F64")
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_is_written_and_read(kind: str) -> None:
    values = np.random.default_rng(0).standard_normal((4, 512)).astype(np.float32)
    data = packed(values, kind, np.ones(512, np.float32))
    found = numbers(data, kind, values.shape)
    error = float(np.sqrt(np.mean((found - values) ** 2)))
    assert error < 0.9
    if kind not in ("F32", "F16", "Q1_0"):  # which the reference reader does not have
        number = gguf.GGMLQuantizationType[kind]
        expected = gguf.quants.dequantize(data.reshape(4, -1), number)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_each_tensor_is_what_ggml_makes_of_it(model: Path, tmp_path: Path) -> None:
    imatrix = made_up_imatrix(model)
    quantization = Quantization(model, "Q4_K_M", imatrix=imatrix)
    made = GgufSource(written(quantization, tmp_path / "made.gguf"))
    source = GgufSource(model)
    assert made.path.stat().st_size == quantization.layout.size
    kinds = set()
    for tensor in made.header.tensors:
        weights = imatrix.entries.get(tensor.name)
        importance = weights.importance[0] if weights is not None else None
        expected = packed(matrix(source, tensor.name), tensor.type.name, importance)
        assert np.array_equal(made.bytes(tensor), expected), tensor.name
        kinds.add(tensor.type.name)
    assert kinds == {"F32", "Q4_K", "Q6_K"}


def test_experts_have_importance_of_their_own(tmp_path: Path) -> None:
    model = write_shape(tmp_path / "model.gguf", SHAPES["mixtral"]._replace(layers=1))
    imatrix = made_up_imatrix(model)
    made = GgufSource(
        written(Quantization(model, "Q4_K_S", imatrix=imatrix), tmp_path / "made.gguf")
    )
    name = "blk.0.ffn_up_exps.weight"
    tensor = next(each for each in made.header.tensors if each.name == name)
    rows = matrix(GgufSource(model), name).reshape(8, 256, 256)
    expected = [
        packed(rows[expert], tensor.type.name, imatrix.entries[name].importance[expert])
        for expert in range(8)
    ]
    assert np.array_equal(made.bytes(tensor), np.concatenate(expected))


def test_metadata_is_copied_byte_for_byte(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.gguf")
    made = written(Quantization(model, "Q8_0"), tmp_path / "made.gguf")
    before, after = read_raw_metadata(model), read_raw_metadata(made)
    changed = {key for key in after if after[key] != before.get(key)}
    assert changed <= {"general.file_type", "general.quantization_version"}
    assert read_header(made).metadata["general.file_type"] == 7
    assert before.keys() <= after.keys()


def test_shards_become_one_file(tmp_path: Path) -> None:
    first = write_shards(tmp_path, 3)[0]
    made = read_header(written(Quantization(first, "Q8_0"), tmp_path / "made.gguf"))
    assert {tensor.name for tensor in made.tensors} == {
        tensor.name for tensor in GgufSource(first).header.tensors
    }
    assert not [key for key in made.metadata if key.startswith("split.")]


def test_interrupted_anywhere_it_becomes_the_same_file(model: Path, tmp_path: Path) -> None:
    quantization = Quantization(model, "Q4_K_M")
    whole = written(quantization, tmp_path / "whole.gguf").read_bytes()
    part = tmp_path / "part.gguf"
    chance = random.Random(5)
    for size in [0, 3, len(quantization.layout.header), *chance.sample(range(len(whole)), 20)]:
        part.write_bytes(whole[:size])
        assert written(quantization, part).read_bytes() == whole
    part.write_bytes(bytes(500))  # of something else
    assert written(quantization, part).read_bytes() == whole


def test_threads_do_not_change_it(model: Path, tmp_path: Path) -> None:
    one = written(Quantization(model, "Q5_K_M"), tmp_path / "one.gguf", threads=1)
    several = written(Quantization(model, "Q5_K_M"), tmp_path / "several.gguf", threads=5)
    assert one.read_bytes() == several.read_bytes()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_named(bad: float, model: Path, tmp_path: Path) -> None:
    source = GgufSource(model)
    tensor = next(t for t in source.header.tensors if t.name == "blk.1.ffn_up.weight")
    data = bytearray(model.read_bytes())
    place = source.header.data_offset + tensor.offset + 2 * (256 * 7 + 3)
    data[place : place + 2] = np.array(bad, np.float16).tobytes()
    model.write_bytes(data)
    with pytest.raises(BadModelFile, match=r"blk\.1\.ffn_up\.weight .* in row 7"):
        written(Quantization(model, "Q4_K_M"), tmp_path / "made.gguf")


def test_what_is_quantised_is_quantised_again_only_if_asked(model: Path, tmp_path: Path) -> None:
    eight = written(Quantization(model, "Q8_0"), tmp_path / "eight.gguf")
    with pytest.raises(InvalidRequest, match="in Q8_0 already") as refused:
        Quantization(eight, "Q4_K_M")
    assert "--allow-requantize" in refused.value.hint
    Quantization(eight, "Q8_0")  # nothing changes
    written(Quantization(eight, "Q4_K_M", requantize=True), tmp_path / "four.gguf")


def test_rows_that_do_not_fit_are_told(tmp_path: Path) -> None:
    model = write_shape(tmp_path / "odd.gguf", SHAPES["gemma3-odd-rows"]._replace(layers=1))
    quantization = Quantization(model, "Q4_K_M")
    (note,) = quantization.notes
    assert "288 columns is stored as Q5_0 in place of Q4_K" in note
    made = written(quantization, tmp_path / "made.gguf")
    assert made.stat().st_size == quantization.layout.size


def test_imatrix_files_are_read_as_they_were_written(model: Path, tmp_path: Path) -> None:
    imatrix = made_up_imatrix(model)
    path = tmp_path / "imatrix.gguf"
    write_imatrix(path, imatrix)
    found = read_imatrix(path)
    assert found.datasets == ["made-up.txt"]
    assert (found.chunks, found.chunk_size) == (3, 512)
    assert found.entries.keys() == imatrix.entries.keys()
    for name, entry in found.entries.items():
        assert np.array_equal(entry.squares, imatrix.entries[name].squares)
    names = {tensor.name for tensor in gguf.GGUFReader(path).tensors}
    assert "blk.0.attn_q.weight.in_sum2" in names
    both = found.added(imatrix)
    assert both.chunks == 6
    name = "blk.0.attn_q.weight"
    np.testing.assert_allclose(both.entries[name].importance, imatrix.entries[name].importance)


def test_an_expert_that_was_never_asked_counts_evenly() -> None:
    entry = InputStatistics(
        np.array([[2.0, 4.0], [0, 0]], np.float32), np.array([2, 0], np.float32)
    )
    assert entry.importance.tolist() == [[1, 2], [1, 1]]


def test_matrices_of_one_dense_tensor_may_share_a_count(tmp_path: Path) -> None:
    tensors = [
        NewTensor("blk.0.attn_k_b.weight.in_sum2", (4, 2), 0, 32),
        NewTensor("blk.0.attn_k_b.weight.counts", (1, 1), 0, 4),
    ]
    layout = GgufLayout({"general.type": string("imatrix")}, tensors)
    sums, count = np.full(8, 6, np.float32).tobytes(), np.full(1, 3, np.float32).tobytes()
    path = tmp_path / "imatrix.gguf"
    path.write_bytes(layout.header + sums + count.ljust(32, b"\0"))
    entry = read_imatrix(path).entries["blk.0.attn_k_b.weight"]
    assert entry.importance.tolist() == [[2] * 4] * 2


def test_bad_imatrices_are_told(model: Path, tmp_path: Path) -> None:
    good = made_up_imatrix(model)
    with pytest.raises(BadModelFile, match="not an imatrix"):
        read_imatrix(model)
    path = tmp_path / "imatrix.gguf"
    write_imatrix(path, Imatrix({}, [], 0, 512))
    with pytest.raises(BadModelFile, match="empty"):
        read_imatrix(path)
    entry = good.entries["blk.0.attn_q.weight"]
    broken = InputStatistics(np.full_like(entry.squares, np.nan), entry.counts)
    write_imatrix(path, Imatrix({"blk.0.attn_q.weight": broken}, [], 1, 512))
    with pytest.raises(BadModelFile, match="not a number"):
        read_imatrix(path)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(BadModelFile, match="truncated"):
        read_imatrix(path)


def test_an_imatrix_of_another_model_is_refused(model: Path, tmp_path: Path) -> None:
    other = write_shape(tmp_path / "other.gguf", ModelShape(layers=2, columns=512))
    with pytest.raises(InvalidRequest, match="the imatrix is of another model"):
        Quantization(model, "Q4_K_M", imatrix=made_up_imatrix(other))
    with pytest.raises(InvalidRequest, match="needs an imatrix"):
        Quantization(model, "IQ2_XS")
    entries = dict(made_up_imatrix(model).entries)
    del entries["blk.1.ffn_down.weight"]
    partial = Imatrix(entries, [], 1, 512)
    with pytest.raises(InvalidRequest, match=r"says nothing of blk\.1\.ffn_down\.weight"):
        Quantization(model, "IQ2_XS", imatrix=partial)
    (note,) = Quantization(model, "Q4_K_M", imatrix=partial).notes
    assert "says nothing of 1 tensors" in note


def test_one_type_for_all(model: Path, tmp_path: Path) -> None:
    options = LayoutOptions(pure=True)
    made = read_header(
        written(Quantization(model, "Q6_K", options=options), tmp_path / "made.gguf")
    )
    assert {tensor.type.name for tensor in made.tensors} == {"Q6_K", "F32"}
