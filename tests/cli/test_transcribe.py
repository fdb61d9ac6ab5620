"""``ingle transcribe``: a real worker with a real engine, whose model has random weights."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ingle.sound.samples import RATE
from tests.engines.recognition.test_recognised_speakers import NETWORK as SPEAKERS
from tests.engines.whisper_model import random_whisper
from tests.sound.speech_samples import silence, spoken, write
from tests.waiting import eventually

from .place import DEADLINE_S, Place

pytestmark = pytest.mark.extras

SAID = "The first sentence is spoken here."
QUICK = ("--model", "random", "--temperature", "0")


@pytest.fixture(scope="module", autouse=True)
def model(place: Place) -> None:
    place.ok("pull", "random", "--from", str(random_whisper(place.home)))


@pytest.fixture(scope="module")
def talk(place: Place) -> Path:
    sound = np.concatenate((silence(1), spoken(SAID), silence(1)))
    return write(place.home / "talk.mp3", sound, codec="libmp3lame")


def test_a_recording_becomes_text_with_times(place: Place, talk: Path) -> None:
    found = place.ok("transcribe", str(talk), *QUICK, "-f", "json").data
    assert (found["model"], found["where"], found["language"]) == ("random", "local", "en")
    assert found["duration"] == pytest.approx(2 + len(spoken(SAID)) / RATE, abs=0.1)
    assert found["speech"] == pytest.approx(0.4 + len(spoken(SAID)) / RATE, abs=0.3)
    (segment,) = found["segments"]
    assert segment["text"].strip() == found["text"]
    assert segment["start"] == pytest.approx(0.8, abs=0.2)
    assert place.ok("transcribe", str(talk), *QUICK).out == found["text"] + "\n"
    assert place.ok("ps", "--json").data["workers"][0]["role"] == "transcribe"


def test_stdin_and_words(place: Place, talk: Path) -> None:
    found = place.ok(
        "transcribe", "-", *QUICK, "--word-timestamps", "--json", stdin=talk.read_bytes()
    ).data
    words = found["segments"][0]["words"]
    assert "".join(word["text"] for word in words).strip() == found["text"]


def test_a_folder_becomes_files(place: Place, talk: Path) -> None:
    folder, made = place.home / "talks", place.home / "made"
    (folder / "deep").mkdir(parents=True)
    (folder / "one.mp3").write_bytes(talk.read_bytes())
    (folder / "deep" / "two.mp3").write_bytes(talk.read_bytes())
    (folder / "notes.txt").write_text("not a recording")
    place.ok("transcribe", str(folder), *QUICK, "-f", "srt", "-o", str(made))
    assert sorted(path.name for path in made.iterdir()) == ["one.srt", "two.srt"]
    assert (made / "one.srt").read_text().startswith("1\n00:00:00,")
    assert (made / "one.srt").read_text() == (made / "two.srt").read_text()


def test_nothing_of_a_recording_is_left_in_the_node(place: Place, talk: Path) -> None:
    place.ok("transcribe", str(talk), *QUICK)
    assert [path for path in (place.state / "blobs").rglob("*") if path.is_file()] == []


def test_sound_that_is_piped_in_is_written_down_as_it_comes(place: Place) -> None:
    sound = np.concatenate((spoken(SAID), silence(1), spoken(SAID), silence(1)))
    data = (sound * 32767).astype("<i2").tobytes()
    command = place.start("transcribe", "--live", "-", *QUICK, "--json", stdin=subprocess.PIPE)
    with command:
        out, told = command.communicate(data, DEADLINE_S)
    assert command.returncode == 0, told
    events = [json.loads(line) for line in out.decode().splitlines()]
    final = [
        event for event in events
        if event["event"] == "transcribe.segment" and event.get("final", True)
    ]  # fmt: skip
    assert [event["id"] for event in final] == [0, 1]
    assert events[-1]["event"] == "transcribe.transcript"
    assert events[-1]["segments"] == 2


def test_what_cannot_be_heard_is_refused_and_says_why(place: Place, tmp_path: Path) -> None:
    text = tmp_path / "notes.mp3"
    text.write_text("Not music, whatever its name says.\n" * 100)
    refused = place.ingle("transcribe", str(text), *QUICK, "--json")
    assert refused.status == 2
    assert "notes.mp3: it is not a recording" in refused.error["message"]
    missing = place.ingle("transcribe", str(tmp_path / "none.wav"), *QUICK, "--json")
    assert (missing.status, missing.error["code"]) == (3, "not_found")
    (tmp_path / "empty").mkdir()
    empty = place.ingle("transcribe", str(tmp_path / "empty"), *QUICK, "--json")
    assert empty.error["message"].endswith("empty has no recordings")
    assert place.ingle("transcribe", "--json").error["code"] == "invalid_request"
    wrong = place.ingle("transcribe", str(text), "-m", "ember", "--json")
    assert wrong.error["code"] == "capability_missing"


def test_who_speaks_is_told_by_a_model_that_is_pulled_first(place: Place, talk: Path) -> None:
    asked = ("transcribe", str(talk), *QUICK, "--speakers")
    missing = place.ingle(*asked, "1", "--json")
    assert missing.error["hint"] == "ingle pull wespeaker:resnet34"
    place.ok("pull", "wespeaker:resnet34", "--from", str(SPEAKERS))
    assert place.ok(*asked, "1").out.startswith("A: ")
    live = place.ingle("transcribe", "--live", "-", *QUICK, "--speakers", "2", "--json", stdin=b"")
    assert "not in live sound" in live.error["message"]
    bad = place.ingle("transcribe", str(talk), *QUICK, "--speakers", "two", "--json")
    assert bad.error["message"] == "speakers: 'two' is neither a number nor auto"


def test_a_missing_microphone_is_an_error_of_its_own(place: Place) -> None:
    refused = place.ingle("transcribe", "--live", *QUICK, "--json")
    assert refused.error["code"] in ("microphone_unavailable", "engine_missing")


def test_who_interrupts_frees_the_slot(place: Place) -> None:
    sound = np.concatenate([np.concatenate((spoken(SAID), silence(1)))] * 60)
    long = write(place.home / "long.flac", sound, codec="flac")
    command = place.start("transcribe", str(long), *QUICK)
    assert command.stdout is not None
    assert command.stdout.readline()  # the first segment
    command.terminate()
    assert command.wait(DEADLINE_S) == 130
    command.communicate()
    eventually(lambda: place.busy_slots() == 0)
