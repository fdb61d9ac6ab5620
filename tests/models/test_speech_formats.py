"""Models that hear: recognised, told of from their headers alone, and refused when they are bad."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from ingle.capabilities.store.operation import Pull
from ingle.errors import BadModelFile, IngleError
from ingle.models import Store
from ingle.models.facts import Facts
from ingle.models.formats import find, read
from ingle.models.onnx_model import read_onnx
from ingle.models.remote import facts_of

from .hub import Hub
from .nemo_files import TOKENS, onnx, write_nemo
from .pulling import pulled
from .test_formats import files_of
from .whisper_files import LAYERS, VOCABULARY, WIDTH, write_folder, write_ggml


def facts(path: Path) -> Facts:
    found = find(path)
    return read(found.format, found.files)


def refused(path: Path) -> str:
    with pytest.raises(BadModelFile) as caught:
        facts(path)
    return str(caught.value.message)


@pytest.fixture(scope="module")
def ggml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ggml(tmp_path_factory.mktemp("ggml"))


def ct2(folder: Path, **how: object) -> Path:
    write_folder(folder, **how)  # type: ignore[arg-type]
    return folder


def cut(path: Path, size: int) -> Path:
    with path.open("r+b") as file:
        file.truncate(size)
    return path


# -- whisper.cpp -----------------------------------------------------------------------------------


def test_a_file_of_whisper_cpp_says_what_it_is(ggml: Path) -> None:
    found = facts(ggml)
    assert (found.format, found.architecture, found.abilities) == (
        "ggml-whisper",
        "whisper",
        ["transcribe"],
    )
    assert (found.vocabulary, found.embedding_length, found.layers) == (
        VOCABULARY,
        WIDTH,
        2 * LAYERS,
    )
    assert (found.quantization, found.languages) == ("F16", ["en"])
    assert found.tensor_bytes < ggml.stat().st_size < found.tensor_bytes + (1 << 18)


def test_it_is_known_by_how_it_begins_under_any_name(ggml: Path, tmp_path: Path) -> None:
    other = tmp_path / "my.model"
    other.write_bytes(ggml.read_bytes())
    assert facts(other).format == "ggml-whisper"


@pytest.mark.parametrize("kind", ["f16", "q5_0"])
def test_a_file_that_was_cut_anywhere_is_refused(tmp_path: Path, kind: str) -> None:
    path = write_ggml(tmp_path, kind)
    data, chance = path.read_bytes(), random.Random(3)
    tensors = data.index(b"encoder.positional_embedding") - 64
    for size in [*sorted(chance.sample(range(len(data)), 60)), len(data) - 1]:
        path.write_bytes(data[:size])
        message = refused(path)
        # Whoever fetched it sees how much is missing, as soon as the sizes are known.
        if size > tensors + 64:
            assert f"{len(data)} bytes needed, the file has {size}" in message


def test_a_tensor_that_is_missing_altogether_is_noticed(ggml: Path, tmp_path: Path) -> None:
    data = ggml.read_bytes()
    last = data.rindex(struct.pack("<3i", 1, len("decoder.ln.bias"), 0))
    path = tmp_path / "ggml-cut.bin"
    path.write_bytes(data[:last])
    assert f"{len(data)} bytes needed, the file has {last}" in refused(path)
    path.write_bytes(data + b"more")
    assert "4 bytes follow the end of the model" in refused(path)


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (4, 2**31 - 1, "its vocabulary is 2147483647"),
        (12, 0, "its audio state is 0"),
        (12, 65, "multiple of its attention heads"),
        (44, 77, "file type 77 is unknown"),
        (44, 14, "rows of 64 cannot be stored as Q6_K"),
        (48, 7, "its mel filters are 7 x 201"),
    ],
)
def test_sizes_that_cannot_be_are_refused(
    ggml: Path, tmp_path: Path, at: int, value: int, message: str
) -> None:
    data = bytearray(ggml.read_bytes())
    struct.pack_into("<i", data, at, value)
    path = tmp_path / "ggml-odd.bin"
    path.write_bytes(data)
    assert message in refused(path)


def test_no_byte_that_changes_does_harm(ggml: Path, tmp_path: Path) -> None:
    data, chance = ggml.read_bytes(), random.Random(5)
    path = tmp_path / "ggml-changed.bin"
    for _ in range(200):
        changed = bytearray(data)
        changed[chance.randrange(20_000)] = chance.randrange(256)
        path.write_bytes(changed)
        with contextlib.suppress(BadModelFile):
            facts(path)


@pytest.mark.parametrize("content", [b"", b"lmgg", b"GGUF" + bytes(64), bytes(4096), b"text\n" * 9])
def test_garbage_under_its_name_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ggml-base.bin"
    path.write_bytes(content)
    refused(path)


# -- CTranslate2 -----------------------------------------------------------------------------------


def test_a_folder_of_ctranslate2_says_what_it_is(tmp_path: Path) -> None:
    found = facts(ct2(tmp_path / "small"))
    assert (found.format, found.abilities) == ("ctranslate2", ["transcribe"])
    assert (found.vocabulary, found.embedding_length, found.layers) == (
        VOCABULARY,
        WIDTH,
        2 * LAYERS,
    )
    assert found.quantization == "F16"
    assert facts(ct2(tmp_path / "int8", int8=True)).quant_mix["INT8"] == 11 * LAYERS


def test_translators_are_told_from_whisper(tmp_path: Path) -> None:
    message = refused(ct2(tmp_path / "mt", spec="TransformerSpec"))
    assert "has a model.bin, but no source.spm" in message
    message = refused(ct2(tmp_path / "bert", spec="BertSpec"))
    assert "is a BertSpec; of CTranslate2's models, ingle runs Whisper and Marian's" in message


def test_a_cut_folder_is_refused(tmp_path: Path) -> None:
    folder = ct2(tmp_path / "cut")
    size = (folder / "model.bin").stat().st_size
    for each in (0, 3, 30, 5000, size - 1):
        cut(folder / "model.bin", size - 1 if each == size - 1 else each)
        message = refused(folder)
        assert "model.bin" in message
        assert "truncated" in message or "empty" in message
        ct2(folder)
    with (folder / "model.bin").open("ab") as file:
        file.write(b"xx")
    assert "2 bytes follow" in refused(folder)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("tokenizer.json", "no tokenizer.json"),
        ("vocabulary.json", "no vocabulary.json or vocabulary.txt"),
        ("config.json", "no config.json"),
    ],
)
def test_a_missing_part_is_named(tmp_path: Path, missing: str, message: str) -> None:
    folder = ct2(tmp_path / "some")
    (folder / missing).unlink()
    assert message in refused(folder)


def test_damaged_settings_are_refused(tmp_path: Path) -> None:
    folder = ct2(tmp_path / "some")
    (folder / "config.json").write_bytes(b"{" * 5000)
    assert "config.json" in refused(folder)


def test_garbage_as_its_weights_is_refused(tmp_path: Path) -> None:
    folder = ct2(tmp_path / "some")
    (folder / "model.bin").write_bytes(random.Random(1).randbytes(4000))
    assert "this is not a CTranslate2 model" in refused(folder)


# -- NeMo ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tdt", "rnnt", "aed", "ctc"])
def test_a_folder_of_nemo_says_what_it_is(tmp_path: Path, kind: str) -> None:
    found = facts(write_nemo(tmp_path / kind, kind))
    assert (found.format, found.architecture) == ("nemo-onnx", f"conformer-{kind}")
    assert found.abilities == ["transcribe"]
    assert found.parameters == (17 if kind == "ctc" else 24)
    assert (found.vocabulary, found.quantization) == (len(TOKENS), "F32")


def test_smaller_files_beside_are_a_model_of_their_own(tmp_path: Path) -> None:
    folder = write_nemo(write_nemo(tmp_path / "both"), suffix=".int8")
    found = find(folder / "encoder-model.int8.onnx")
    assert found.chosen.stem == "int8"
    assert "decoder_joint-model.int8.onnx" in found.chosen.names
    assert "decoder_joint-model.onnx" not in found.chosen.names
    assert read(found.format, found.files).quantization == "INT8"
    with pytest.raises(IngleError, match="contains 2 models"):
        find(folder)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("vocab.txt", b"a 0\nb\n", "'b' is not a token and its number"),
        ("vocab.txt", b"a 0\nb 2\n", "the numbers have gaps"),
        ("vocab.txt", b"\xff\xfe", "is not a token and its number"),
        ("config.json", b"{}", "calls the model 'None'"),
        ("config.json", b'{"model_type": "nemo-conformer-ctc"}', "which its files are not"),
        ("encoder-model.onnx", b"", "encoder-model.onnx: the file is empty"),
        ("encoder-model.onnx", b"\x00" * 99, "not an ONNX model"),
        ("encoder-model.onnx", b"plain text, and more of it", "not an ONNX model"),
        ("encoder-model.onnx", onnx(("input",), ("out",), []), "it takes input"),
        (
            "encoder-model.onnx",
            onnx(("audio_signal", "length"), ("outputs",), [(9,)], external="weights.data"),
            "keeps weights in weights.data, which is not there",
        ),
    ],
)
def test_bad_files_of_nemo_are_refused(
    tmp_path: Path, file: str, content: bytes, message: str
) -> None:
    folder = write_nemo(tmp_path / "bad")
    (folder / file).write_bytes(content)
    assert message in refused(folder)


def test_an_encoder_alone_is_refused(tmp_path: Path) -> None:
    folder = write_nemo(tmp_path / "half")
    (folder / "decoder_joint-model.onnx").unlink()
    assert "no decoder_joint-model.onnx beside it" in refused(folder)


def test_an_onnx_file_that_was_cut_anywhere_is_refused(tmp_path: Path) -> None:
    data = onnx(("audio_signal", "length"), ("outputs",), [(40, 3), (5,)])
    path = tmp_path / "x.onnx"
    path.write_bytes(data)
    whole = read_onnx(path)
    assert (whole.inputs, whole.parameters) == (("audio_signal", "length"), 125)
    assert whole.metadata == {"author": "tests"}
    ends = {0, *(at for at in range(len(data)) if not _reads(path, data[:at]))}
    # All lengths but those at which a field of the model itself ends.
    assert len(data) - len(ends) <= 3


def _reads(path: Path, data: bytes) -> bool:
    path.write_bytes(data)
    try:
        read_onnx(path)
    except BadModelFile:
        return False
    return True


# -- in the store, and at a hub --------------------------------------------------------------------

Write = Callable[[Path], object]
WRITERS: dict[str, Write] = {
    "ggml-whisper": lambda folder: (folder.mkdir(), write_ggml(folder)),
    "ctranslate2": ct2,
    "nemo-onnx": write_nemo,
}


@pytest.mark.parametrize("form", WRITERS)
def test_a_copy_in_the_store_is_the_same_model(store: Store, tmp_path: Path, form: str) -> None:
    WRITERS[form](tmp_path / "here")
    source = tmp_path / "here"
    if form == "ggml-whisper":
        (source,) = source.glob("ggml-*.bin")
    model = store.add_path(source, "heard", link=False)
    again = store.resolve("heard")
    assert (again.facts.format, again.capabilities) == (form, ["transcribe"])
    assert again.facts == model.facts


@pytest.mark.parametrize("form", WRITERS)
def test_what_a_hub_has_is_told_from_its_beginning_and_pulled(
    store: Store, hub: Hub, tmp_path: Path, form: str
) -> None:
    WRITERS[form](tmp_path / "there")
    found = files_of(tmp_path / "there")
    hub.publish("me/ears", {name: data for name, data in found.items() if "/" not in name})
    known = asyncio.run(facts_of(store, "hf.co/me/ears", egress="allow"))
    assert (known.facts.format, known.facts.abilities) == (form, ["transcribe"])
    summary = pulled(store, Pull(model="hf.co/me/ears"))
    assert (summary.format, summary.capabilities) == (form, ["transcribe"])


def test_a_large_file_at_a_hub_is_known_by_a_megabyte(
    store: Store, hub: Hub, tmp_path: Path
) -> None:
    write_folder(tmp_path / "ct2", vocabulary=40_000)
    path = write_ggml(tmp_path)
    data = path.read_bytes()
    assert len(data) > 4 << 20
    hub.publish("me/large", {"ggml-large.bin": data})
    known = asyncio.run(facts_of(store, "hf.co/me/large", egress="allow"))
    assert known.facts == facts(path)
    assert hub.sent + hub.cdn.sent < 3 << 20
    hub.publish("me/cut", {"ggml-large.bin": data[:-9]})
    with pytest.raises(BadModelFile, match=f"{len(data)} bytes needed"):
        asyncio.run(facts_of(store, "hf.co/me/cut", egress="allow"))


def test_settings_are_json_objects(tmp_path: Path) -> None:
    folder = ct2(tmp_path / "some")
    (folder / "config.json").write_text(json.dumps(["a list"]))
    assert "config.json" in refused(folder)


# -- speaker models --------------------------------------------------------------------------------


def speaker_model(path: Path, inputs: tuple[str, ...] = ("feats",)) -> Path:
    path.write_bytes(onnx(inputs, ("embs",), weights=[(4, 3)]))
    return path


def test_a_speaker_model_is_known_by_name_and_by_what_goes_in(tmp_path: Path) -> None:
    path = speaker_model(tmp_path / "voxceleb_resnet34_LM.onnx")
    found = facts(path)
    assert (found.format, found.abilities, found.parameters) == ("speaker-onnx", ["speakers"], 12)
    speaker_model(path, ("audio_signal", "length"))
    assert "'feats' goes into one" in refused(path)
    path.write_bytes(path.read_bytes()[:-7])
    assert "needed, the file has" in refused(path)
    other = tmp_path / "detector.onnx"
    other.write_bytes(onnx(("feats",), ("embs",), weights=[]))
    assert "no format recognises it" in refused(other)
