"""faster-whisper itself, with a model of random weights: what it is called with, how it fails."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from ingle.capabilities.transcribe.operation import TimedWord, Transcribe
from ingle.engines.engine import LoadSpec
from ingle.engines.faster_whisper.engine import FasterWhisperEngine, FasterWhisperRecogniser
from ingle.engines.recognition.recogniser import Stop
from ingle.errors import CapabilityMissing, ModelLoadFailed
from ingle.testing import check_engine
from tests.sound.speech_samples import spoken

from .faster_whisper_model import random_folder

pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore")]
GREEDY = Transcribe(model="random", temperature=0.0, timestamps="word")
SAID = "The first sentence is spoken here."


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> LoadSpec:
    folder = random_folder(tmp_path_factory.mktemp("random"))
    return LoadSpec(
        engine="faster-whisper",
        model="random",
        files={
            "weights": [str(folder / "model.bin")],
            "config": [str(folder / "config.json")],
            "tokenizer": [str(folder / "tokenizer.json")],
            "vocabulary": [str(folder / "vocabulary.json")],
        },
        folder=str(folder),
        slots=2,
        threads=1,
    )


@pytest.fixture(scope="module")
def recogniser(spec: LoadSpec) -> Iterator[FasterWhisperRecogniser]:
    from faster_whisper import WhisperModel

    found = FasterWhisperRecogniser(WhisperModel(spec.folder, cpu_threads=1), "random")
    yield found
    found.close()


def test_the_engine_keeps_the_contract(spec: LoadSpec) -> None:
    held = check_engine("faster-whisper", spec, most_memory=1.5)
    assert {"declares itself", "names itself", "needs what it declares"} <= set(held)


def test_segments_are_numbers_that_can_be_sent(recogniser: FasterWhisperRecogniser) -> None:
    found = recogniser.recognise(spoken(SAID), GREEDY, language="en", threads=1, stop=Stop())
    assert found.language == "en"
    assert found.segments
    for segment in found.segments:
        assert "".join(word.text for word in segment.words).strip() == segment.text.strip()
        assert 0 <= segment.start <= segment.end
        # NumPy's numbers look like numbers, and cannot be encoded.
        assert msgspec.json.encode(segment)
        assert [TimedWord(**word._asdict()) for word in segment.words]


def test_it_stops_between_segments(recogniser: FasterWhisperRecogniser) -> None:
    stop = Stop()
    stop.request()
    found = recogniser.recognise(spoken(SAID), GREEDY, language="en", threads=1, stop=stop)
    assert found.segments == ()


def test_a_model_of_english_refuses_other_languages(recogniser: FasterWhisperRecogniser) -> None:
    for operation, language in (
        (GREEDY, "de"),
        (Transcribe(model="random", task="translate"), "en"),
    ):
        with pytest.raises(CapabilityMissing, match="random was trained for English alone"):
            recogniser.recognise(spoken(SAID), operation, language=language, threads=1, stop=Stop())


def test_a_folder_that_is_damaged_is_said_to_be(spec: LoadSpec, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(spec.folder, broken)
    with (broken / "model.bin").open("r+b") as file:
        file.truncate(100_000)
    with pytest.raises(ModelLoadFailed, match="CTranslate2 cannot load random"):
        FasterWhisperEngine().open(msgspec.structs.replace(spec, folder=str(broken)))
    shutil.copy(Path(spec.folder) / "model.bin", broken)
    (broken / "tokenizer.json").write_text('{"version": "1.0"}')
    with pytest.raises(ModelLoadFailed, match="CTranslate2 cannot load random"):
        FasterWhisperEngine().open(msgspec.structs.replace(spec, folder=str(broken)))
