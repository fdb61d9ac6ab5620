"""Who says what: a true speaker model on true sound; only the words are scripted."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from ingle.capabilities.transcribe.operation import Transcribe
from ingle.engines.engine import LoadSpec
from ingle.engines.recognition.processors import Processors
from ingle.engines.recognition.recording import RecordingTranscription, speaker_name
from ingle.engines.recognition.speaker_network import SpeakerNetwork
from ingle.engines.whisper.declaration import WHISPER
from ingle.errors import EngineFault, ModelLoadFailed
from tests.sound.speech_samples import silence, spoken

from .scripted import Caller, ScriptedRecogniser
from .test_recording import SOUND, recording, segments

pytestmark = pytest.mark.extras

NETWORK = Path(__file__).parents[1] / "speakers" / "speakers.onnx"
"""Of `recipes.voices`."""
LONG = (
    "The harbour opens at seven in the morning, and closes when the last ferry of the day has left",
    "Every student of the school must write a report of at least five hundred words about a river",
)
LOW, HIGH = "en-us+m5", "en-us+f4"


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two voices that it was not trained on, in turns of seven seconds."""
    parts = []
    for number, voice in enumerate((LOW, HIGH, LOW, HIGH)):
        parts += [spoken(LONG[number % 2], voice), spoken(LONG[1 - number % 2], voice), silence(2)]
    return recording(tmp_path_factory.mktemp("talk") / "talk.wav", np.concatenate(parts))


def told(path: Path, **options: object) -> list[str]:
    caller = Caller()
    operation = Transcribe(model="m", sound=SOUND, **options)  # type: ignore[arg-type]
    voices = SpeakerNetwork(NETWORK, 2)
    recogniser = ScriptedRecogniser()
    RecordingTranscription(operation, recogniser, caller.emit, Processors(2), voices).perform(path)
    return [segment.speaker for segment in segments(caller)]


def test_each_segment_says_who_speaks(talk: Path) -> None:
    assert "".join(dict.fromkeys(told(talk, speakers=2))) == "AB"
    names = told(talk, speakers=2)
    turns = [name for at, name in enumerate(names) if not at or names[at - 1] != name]
    assert turns == ["A", "B", "A", "B"]


def test_names_stay_the_same_where_the_rest_is_asked_for(talk: Path) -> None:
    assert told(talk, speakers=2, start_s=16.0)[0] == "B"


def test_a_model_that_is_none_says_so(tmp_path: Path) -> None:
    path = tmp_path / "speakers.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(ModelLoadFailed, match="speaker model cannot be opened"):
        SpeakerNetwork(path, 1).vector(spoken(LONG[0]))


def test_what_is_no_number_is_a_fault() -> None:
    with pytest.raises(EngineFault, match="not a number"):
        SpeakerNetwork(NETWORK, 1).vector(np.full(16_000, np.nan, np.float32))


def test_speakers_have_letters() -> None:
    assert [speaker_name(n) for n in (0, 25, 26, 27, 701, 702)] == [
        "A", "Z", "AA", "AB", "ZZ", "AAA",
    ]  # fmt: skip


def test_a_load_with_a_speaker_model_serves_those_without() -> None:
    plain = LoadSpec(engine="whisper", model="m", files={"weights": ["w"]}, role="transcribe")
    both = msgspec.structs.replace(plain, files={"weights": ["w"], "speakers": ["s"]})
    other = msgspec.structs.replace(plain, files={"weights": ["w"], "speakers": ["t"]})
    assert WHISPER.serves(both, plain)
    assert not WHISPER.serves(plain, both)
    assert not WHISPER.serves(both, other)
    assert WHISPER.joined(both, plain).files == both.files
