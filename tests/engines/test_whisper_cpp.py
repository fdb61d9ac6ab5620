"""whisper.cpp itself, with a model of random weights: what it is called with, and how it fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ingle.capabilities.transcribe.operation import Transcribe
from ingle.engines.engine import LoadSpec
from ingle.engines.recognition.recogniser import Recognised, Stop
from ingle.engines.whisper import whisper_cpp
from ingle.engines.whisper.engine import WhisperEngine
from ingle.engines.whisper.recogniser import WhisperRecogniser
from ingle.errors import (
    BadModelFile,
    CapabilityMissing,
    EngineFault,
    InvalidRequest,
    ModelLoadFailed,
)
from ingle.sound.samples import RATE
from ingle.testing import check_engine
from tests.sound.speech_samples import spoken

from .whisper_model import random_whisper

pytestmark = pytest.mark.extras

GREEDY = Transcribe(model="random", temperature=0.0)
SAID = "The first sentence is spoken here."


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> LoadSpec:
    path = random_whisper(tmp_path_factory.mktemp("whisper"))
    return LoadSpec(engine="whisper", model="random", files={"weights": [str(path)]}, slots=2)


@pytest.fixture(scope="module")
def recogniser(spec: LoadSpec) -> Iterator[WhisperRecogniser]:
    context = whisper_cpp.open_context(spec.weights[0], spec.model)
    found = WhisperRecogniser(whisper_cpp.library(), context, spec)
    yield found
    found.close()


def heard(recogniser: WhisperRecogniser, operation: Transcribe = GREEDY) -> Recognised:
    return recogniser.recognise(spoken(SAID), operation, language="en", threads=1, stop=Stop())


def texts(found: Recognised) -> list[str]:
    return [segment.text for segment in found.segments]


def test_the_engine_keeps_the_contract(spec: LoadSpec) -> None:
    held = check_engine("whisper", spec, most_memory=1.5)
    assert {"declares itself", "names itself", "needs what it declares"} <= set(held)


def test_a_window_is_heard_the_same_each_time(recogniser: WhisperRecogniser) -> None:
    first = heard(recogniser)
    assert first.language == "en"
    assert "".join(segment.text for segment in first.segments).startswith(" w")
    assert texts(heard(recogniser)) == texts(first)
    for segment in first.segments:
        assert 0 <= segment.start <= segment.end <= len(spoken(SAID)) / RATE
        assert segment.avg_logprob < 0
        assert 0 <= segment.no_speech_prob <= 1


def test_words_are_those_of_the_text(recogniser: WhisperRecogniser) -> None:
    found = heard(recogniser, Transcribe(model="random", temperature=0.0, timestamps="word"))
    for segment in found.segments:
        assert "".join(word.text for word in segment.words) == segment.text
        assert all(0 < word.probability <= 1 for word in segment.words)


def test_two_windows_at_once_are_heard_as_alone(recogniser: WhisperRecogniser) -> None:
    alone = heard(recogniser)
    both = threading.Barrier(2)
    found: list[Recognised] = []

    def hear() -> None:
        both.wait(10)
        found.append(heard(recogniser))

    threads = [threading.Thread(target=hear) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [texts(one) for one in found] == [texts(alone)] * 2


def test_what_is_stopped_says_nothing_and_serves_the_next(recogniser: WhisperRecogniser) -> None:
    stop = Stop()
    stop.request()
    stopped = recogniser.recognise(spoken(SAID), GREEDY, language="en", threads=1, stop=stop)
    assert stopped == Recognised(())
    assert heard(recogniser).segments


def test_one_sample_is_heard(recogniser: WhisperRecogniser) -> None:
    for quick in (True, False):
        recogniser.recognise(
            np.zeros(1, np.float32), GREEDY, language="en", threads=1, stop=Stop(), quick=quick
        )


def test_an_english_model_refuses_what_it_was_not_trained_for(
    recogniser: WhisperRecogniser,
) -> None:
    def refused(operation: Transcribe, language: str) -> Exception:
        with pytest.raises(InvalidRequest) as error:
            recogniser.recognise(spoken(SAID), operation, language=language, threads=1, stop=Stop())
        return error.value

    translating = Transcribe(model="random", task="translate")
    assert isinstance(refused(translating, ""), CapabilityMissing)
    assert isinstance(refused(GREEDY, "de"), CapabilityMissing)
    assert "does not know 'xx'" in str(refused(GREEDY, "xx"))


@pytest.mark.parametrize("kept", [0, 4, 1_000, -1])
def test_a_file_that_was_cut_off_does_not_reach_the_engine(tmp_path: Path, kept: int) -> None:
    path = random_whisper(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    spec = LoadSpec(engine="whisper", model="x", files={"weights": [str(path)]})
    with pytest.raises(BadModelFile):
        WhisperEngine().open(spec)


@pytest.mark.parametrize("content", [b"", b"not a model at all" * 1000])
def test_what_the_library_refuses_is_told_with_its_reason(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(content)
    with pytest.raises(ModelLoadFailed, match=r"whisper\.cpp cannot load x: .*bad magic"):
        whisper_cpp.open_context(str(path), "x")


def test_another_version_of_the_library_is_not_called() -> None:
    defaults = whisper_cpp.library().whisper_full_default_params(0)
    whisper_cpp.checked("1.8.5", defaults)
    with pytest.raises(EngineFault, match=r"whisper\.cpp 1\.9\.0 is not the version"):
        whisper_cpp.checked("1.9.0", defaults)
    defaults.entropy_thold = 0.5
    with pytest.raises(EngineFault, match="these parameters differ: entropy_thold"):
        whisper_cpp.checked("1.8.5", defaults)
