"""Models that speak: recognised, told of from their headers, and refused when they are bad."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ingle.errors import BadModelFile, InvalidRequest
from ingle.models import embedded
from ingle.models.facts import Facts, VoiceFacts
from ingle.models.formats import find, read

from ..sound.tiny_voices import write_kokoro, write_piper
from .nemo_files import onnx


def facts(path: Path) -> Facts:
    found = find(path)
    return read(found.format, found.files)


def test_a_piper_voice_says_what_it_is(tmp_path: Path) -> None:
    found = facts(write_piper(tmp_path))
    assert (found.format, found.abilities, found.licence) == ("piper", ["speak"], "CC0")
    assert found.voices == [VoiceFacts(name="tiny", language="en-US")]
    assert found.parameters == 256 * 220 + 1
    assert found.metadata["rate"] == 22_050
    assert facts(tmp_path / "en_US-tiny-low.onnx").voices == found.voices


def test_the_speakers_of_a_piper_voice_are_voices(tmp_path: Path) -> None:
    found = facts(write_piper(tmp_path, speakers=3))
    assert [voice.name for voice in found.voices] == ["speaker0", "speaker1", "speaker2"]


def test_kokoro_says_what_it_is(tmp_path: Path) -> None:
    found = facts(write_kokoro(tmp_path))
    assert (found.format, found.abilities) == ("kokoro", ["speak"])
    assert found.voices == [
        VoiceFacts(name="af_tiny", language="en-US", gender="female"),
        VoiceFacts(name="bm_tiny", language="en-GB", gender="male"),
    ]


def _apart(source: Path, folder: Path) -> Path:
    """The same model as hubs have it: a file of bare numbers for each voice."""
    for name in ("onnx", "voices"):
        (folder / name).mkdir(parents=True)
    (network,) = source.glob("*.onnx")
    (archive,) = source.glob("voices*")
    for kind in ("model", "model_quantized"):
        (folder / "onnx" / f"{kind}.onnx").write_bytes(network.read_bytes())
    with np.load(archive) as tables:
        for name in tables.files:
            tables[name].astype("<f4").tofile(folder / "voices" / f"{name}.bin")
    words = json.loads((source / "vocab.json").read_text())["vocab"]
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": words}}))
    return folder


def test_kokoro_as_hubs_have_it(tmp_path: Path) -> None:
    folder = _apart(write_kokoro(tmp_path / "one"), tmp_path / "apart")
    with pytest.raises(InvalidRequest, match="contains 2 models"):
        find(folder)
    (folder / "onnx" / "model.onnx").unlink()
    found = find(folder)
    assert found.chosen.stem == "model_quantized"
    whole = facts(tmp_path / "one")
    assert read(found.format, found.files).voices == whole.voices
    (folder / "voices" / "bm_tiny.bin").write_bytes(b"short")
    with pytest.raises(BadModelFile, match="it has 5 bytes, not 522240"):
        read(found.format, found.files)


def test_the_voice_that_is_always_there_has_many() -> None:
    found = facts(Path(embedded.__file__).parent / "embedded" / "espeak.espeak.json")
    assert found.voices[0].language == "en-us"
    assert len(found.voices) > 100


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def _garbage(path: Path) -> None:
    path.write_bytes(b"\x00garbage\xff" * 1000)


def _another_network(path: Path) -> None:
    path.write_bytes(onnx(("audio_signal", "length"), ("outputs",), [(3,)]))


@pytest.mark.parametrize("spoil", [_cut, _garbage, _another_network])
@pytest.mark.parametrize(
    ("write", "name"), [(write_piper, "en_US-tiny-low.onnx"), (write_kokoro, "model.onnx")]
)
def test_a_bad_network_is_refused_before_an_engine_sees_it(
    tmp_path: Path, write: Callable[[Path], Path], name: str, spoil: Callable[[Path], None]
) -> None:
    folder = write(tmp_path / "voice")
    spoil(folder / name)
    with pytest.raises(BadModelFile) as caught:
        facts(folder)
    assert name in str(caught.value) or "ONNX" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "en_US-tiny-low.onnx.json"),
        (b"[]", "en_US-tiny-low.onnx.json"),
        (b"{}", "does not describe a Piper voice"),
        (b"\xff\xfe", "en_US-tiny-low.onnx.json"),
    ],
)
def test_a_bad_description_of_a_piper_voice_is_refused(
    tmp_path: Path, content: bytes, told: str
) -> None:
    write_piper(tmp_path)
    (tmp_path / "en_US-tiny-low.onnx.json").write_bytes(content)
    with pytest.raises(BadModelFile, match=told):
        facts(tmp_path)


def test_bad_voices_of_kokoro_are_refused(tmp_path: Path) -> None:
    write_kokoro(tmp_path)
    archive = tmp_path / "voices.npz"
    _cut(archive)
    with pytest.raises(BadModelFile, match=r"voices\.npz is not a sound archive"):
        facts(tmp_path)
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("af_tiny.npy", b"not a table")
    with pytest.raises(BadModelFile, match=r"af_tiny\.npy is not a voice"):
        facts(tmp_path)
    write_kokoro(tmp_path, ("xx_tiny",))
    with pytest.raises(BadModelFile, match="'xx_tiny' is not a voice's name"):
        facts(tmp_path)
    write_kokoro(tmp_path)
    (tmp_path / "vocab.json").write_text(json.dumps({"vocab": {"a": "b"}}))
    with pytest.raises(BadModelFile, match=r"vocab\.json has no vocabulary"):
        facts(tmp_path)


@pytest.mark.parametrize(
    ("write", "missing"),
    [
        (write_piper, "en_US-tiny-low.onnx.json"),
        (write_kokoro, "voices.npz"),
        (write_kokoro, "vocab.json"),
    ],
)
def test_a_part_that_is_missing_leaves_no_model(
    tmp_path: Path, write: Callable[[Path], Path], missing: str
) -> None:
    folder = write(tmp_path / "voice")
    (folder / missing).unlink()
    with pytest.raises(BadModelFile, match="no format recognises it"):
        facts(folder)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"licence": "x", "voices": []}'])
def test_a_bad_file_of_espeak_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.espeak.json"
    path.write_bytes(content)
    with pytest.raises(BadModelFile, match=r"mine\.espeak\.json"):
        facts(path)
