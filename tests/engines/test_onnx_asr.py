"""onnx-asr through the node: a small TDT recogniser, trained on digits by `recipes.digits`."""

from __future__ import annotations

import shutil
import wave
from pathlib import Path

import numpy as np
import pytest
from recipes.digits.spoken import RATE, WORDS, clips

import ingle
from ingle.engines.engine import LoadSpec
from ingle.errors import BadModelFile, CapabilityMissing, ModelLoadFailed
from ingle.testing import check_engine
from tests.cli.place import Place

pytestmark = [pytest.mark.extras]
DIGITS = Path(__file__).parent / "digits"
COUNT = 40


def written(path: Path, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def said(words: list[int]) -> str:
    return " ".join(WORDS[word] for word in words)


@pytest.mark.parametrize("kind", ["tdt", "ctc"])
def test_held_out_digits_are_heard(tmp_path: Path, kind: str) -> None:
    exact = 0
    with ingle.open(state_dir=str(tmp_path / "s"), models_dir=str(tmp_path / "m")) as home:
        home.pull("digits", source=str(DIGITS / kind))
        for number, clip in enumerate(clips(COUNT, 3)):
            path = written(tmp_path / f"{number}.wav", clip.samples)
            found = home.transcribe(path, "digits", vad=False, timestamps="word")
            exact += found.text == said(clip.words)
            if found.text != said(clip.words):
                continue
            times = [word.start for segment in found.segments for word in segment.words]
            assert len(times) == len(clip.words)
            assert times == sorted(times)
            assert times[-1] <= found.duration_s
        with pytest.raises(CapabilityMissing, match="digits cannot translate"):
            home.transcribe(path, "digits", task="translate")
    assert exact >= COUNT * 0.8


def test_at_the_command_line(tmp_path: Path) -> None:
    place = Place(tmp_path)
    clip = clips(5, 4)[3]
    sound = written(tmp_path / "digits.wav", clip.samples)
    try:
        place.ok("pull", "digits", "--from", str(DIGITS / "tdt"))
        (listed,) = [row for row in place.ok("list", "--json").data if row["name"] == "digits"]
        assert listed["capabilities"] == ["transcribe"]
        shown = place.ok("show", "digits").out
        assert "format        nemo-onnx" in shown
        assert "architecture  conformer-tdt" in shown
        assert "fits" in place.ok("fit", "digits").out
        heard = place.ok("transcribe", str(sound), "-m", "digits").out
        assert heard.split() == said(clip.words).split()
    finally:
        place.close()


def test_bad_folders_are_refused(tmp_path: Path) -> None:
    with ingle.open(state_dir=str(tmp_path / "s"), models_dir=str(tmp_path / "m")) as home:
        cut = tmp_path / "cut"
        shutil.copytree(DIGITS / "tdt", cut)
        with (cut / "encoder-model.onnx").open("r+b") as file:
            file.truncate(100_000)
        with pytest.raises(BadModelFile, match="truncated"):
            home.pull("cut", source=str(cut))
        # Its header is sound, and yet it is no network that runs.
        broken = tmp_path / "broken"
        shutil.copytree(DIGITS / "tdt", broken)
        path = broken / "decoder_joint-model.onnx"
        path.write_bytes(path.read_bytes().replace(b"LSTM", b"LSTX"))
        home.pull("broken", source=str(broken))
        sound = written(tmp_path / "x.wav", clips(1, 5)[0].samples)
        with pytest.raises(ModelLoadFailed, match="onnxruntime cannot load broken"):
            home.transcribe(sound, "broken")


def test_the_engine_keeps_the_contract() -> None:
    folder = DIGITS / "tdt"
    files = {
        "weights": [str(folder / "encoder-model.onnx")],
        "decoder": [str(folder / "decoder_joint-model.onnx")],
        "vocabulary": [str(folder / "vocab.txt")],
        "config": [str(folder / "config.json")],
    }
    spec = LoadSpec(
        engine="onnx-asr", model="digits", files=files, folder=str(folder), slots=2, threads=1
    )
    held = check_engine("onnx-asr", spec, most_memory=1.5)
    assert {"declares itself", "names itself", "needs what it declares"} <= set(held)
