"""From a file to a transcript: all but hearing is true, and that is scripted."""

from __future__ import annotations

import threading
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingle.capabilities.transcribe.operation import (
    DetectedLanguage,
    Transcribe,
    Transcript,
    TranscriptProgress,
    TranscriptSegment,
)
from ingle.engines.recognition.processors import Processors
from ingle.engines.recognition.recogniser import Stop
from ingle.engines.recognition.recording import RecordingTranscription
from ingle.errors import Cancelled, EngineFault, InvalidRequest
from ingle.operations.blob import Blob
from ingle.operations.events import Note
from ingle.sound.samples import RATE, Samples
from tests.sound.speech_samples import noise, silence, spoken

from .scripted import Caller, Script, ScriptedRecogniser, seconds

pytestmark = pytest.mark.extras

SOUND = Blob(sha256="ab" * 32, size=1, name="talk.wav")
SENTENCE = "The first sentence is spoken here, and it takes some time."


def recording(path: Path, samples: Samples) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def transcribed(
    path: Path,
    script: Script = seconds,
    *,
    threads: int = 2,
    caller: Caller | None = None,
    **options: Any,
) -> tuple[Caller, ScriptedRecogniser]:
    caller = caller or Caller()
    recogniser = ScriptedRecogniser(script)
    operation = Transcribe(model="m", sound=SOUND, **options)
    RecordingTranscription(operation, recogniser, caller.emit, Processors(threads)).perform(path)
    return caller, recogniser


def transcript(caller: Caller) -> Transcript:
    (found,) = caller.of(Transcript)
    assert isinstance(found, Transcript)
    return found


def segments(caller: Caller) -> list[TranscriptSegment]:
    return [event for event in caller.events if isinstance(event, TranscriptSegment)]


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes: a sentence in every ten seconds."""
    said = spoken(SENTENCE)
    turn = np.concatenate((silence(2), said, silence(8 - len(said) / RATE)))
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    return recording(path, np.concatenate([turn] * 12))


def test_a_talk_is_heard_in_windows_of_speech(talk: Path) -> None:
    caller, recogniser = transcribed(talk)
    said = len(spoken(SENTENCE)) / RATE
    whole = transcript(caller)
    assert whole.duration_s == whole.heard_s == 120
    assert whole.speech_s == pytest.approx(12 * (said + 0.4), abs=3)
    assert whole.language == "en"
    found = segments(caller)
    assert 4 < whole.segments == len(found) < 12
    assert [segment.id for segment in found] == list(range(len(found)))
    assert found[0].start == pytest.approx(1.8, abs=0.2)
    assert found[-1].end == pytest.approx(112 + said + 0.2, abs=0.4)
    assert whole.text == "".join(segment.text for segment in found).strip()
    assert caller.of(DetectedLanguage) == [DetectedLanguage(language="en", probability=0.75)]
    # The first window alone, with all processors; then one for each.
    assert recogniser.languages == ["", *["en"] * (len(found) - 1)]
    assert recogniser.threads == [2, *[1] * (len(found) - 1)]


def test_progress_never_goes_back_and_ends_at_the_end(talk: Path) -> None:
    caller, _ = transcribed(talk)
    progress = [event for event in caller.events if isinstance(event, TranscriptProgress)]
    positions = [event.position_s for event in progress]
    assert positions == sorted(positions)
    assert positions[0] == 0
    assert positions[-1] == 120
    assert {event.duration_s for event in progress} == {120}


def test_windows_are_heard_on_all_cores_and_told_in_order(talk: Path) -> None:
    both = threading.Barrier(2)
    heard = threading.Lock()
    number = 0

    def script(samples: Samples, stop: Stop) -> str:
        nonlocal number
        with heard:
            number += 1
            mine = number
        if mine in (2, 3):
            both.wait(20)  # only two at once come past here
        return f" {len(samples)}"

    caller, recogniser = transcribed(talk, script)
    assert recogniser.most_at_once == 2
    starts = [segment.start for segment in segments(caller)]
    assert starts == sorted(starts)


def test_without_voice_activity_everything_is_heard(talk: Path) -> None:
    caller, recogniser = transcribed(talk, vad=False)
    assert [segment.text for segment in segments(caller)] == [" 60.0 s.", " 60.0 s."]
    assert transcript(caller).speech_s == 120
    assert recogniser.threads == [2, 1]


def test_silence_and_noise_are_never_heard(tmp_path: Path) -> None:
    for samples in (silence(5), noise(5), silence(1 / RATE)):
        caller, recogniser = transcribed(recording(tmp_path / "x.wav", samples))
        assert recogniser.languages == []
        assert transcript(caller).text == ""
        assert transcript(caller).speech_s == 0


def test_the_rest_is_the_same_as_in_the_whole(talk: Path) -> None:
    whole, _ = transcribed(talk)
    first = segments(whole)[0]
    rest, _ = transcribed(talk, start_s=first.end, first_id=1, language="en")
    assert [s.id for s in segments(rest)] == list(range(1, len(segments(rest)) + 1))
    assert segments(rest)[0].start >= first.end
    assert segments(rest)[-1].end == pytest.approx(segments(whole)[-1].end, abs=0.1)
    assert transcript(rest).heard_s == pytest.approx(120 - first.end, abs=0.01)
    assert transcript(rest).duration_s == 120


def test_a_start_after_the_end_leaves_nothing(talk: Path) -> None:
    caller, recogniser = transcribed(talk, start_s=500.0)
    assert recogniser.languages == []
    assert transcript(caller).heard_s == 0


def test_who_leaves_stops_what_is_heard(talk: Path) -> None:
    stopped = threading.Event()
    calls = 0

    def script(samples: Samples, stop: Stop) -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            return " one"
        while not stop.requested:
            stopped.wait(0.01)
        stopped.set()
        return ""

    with pytest.raises(Cancelled):
        transcribed(talk, script, caller=Caller(TranscriptProgress, 4))
    assert stopped.is_set()


def test_a_failure_of_the_engine_is_its_error_and_not_silence(talk: Path) -> None:
    def script(samples: Samples, stop: Stop) -> str:
        raise EngineFault("whisper.cpp failed (code -6)")

    caller = Caller()
    with pytest.raises(EngineFault, match="code -6"):
        transcribed(talk, script, caller=caller)
    assert caller.of(Transcript) == []


def test_what_is_missing_of_a_recording_is_told(tmp_path: Path) -> None:
    path = recording(tmp_path / "cut.wav", np.concatenate((spoken(SENTENCE), silence(20))))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    caller, _ = transcribed(path)
    (note,) = caller.of(Note)
    assert isinstance(note, Note)
    assert note.code == "left_out"
    assert "s of the recording are missing or damaged" in note.message


def test_a_start_is_only_for_recordings() -> None:
    with pytest.raises(InvalidRequest, match="start_s"):
        Transcribe(model="m", start_s=3.0)
