"""``ingle transcribe --job``: what was heard survives the death of the node."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from ingle.capabilities.transcribe.operation import (
    DetectedLanguage,
    TranscriptProgress,
    TranscriptSegment,
)
from ingle.capabilities.transcripts.journal import Journal
from tests.engines.whisper_model import random_whisper
from tests.sound.speech_samples import silence, spoken, write
from tests.waiting import eventually

from .place import Place

pytestmark = pytest.mark.extras

SENTENCE = "The first sentence is spoken here, and it takes some time."
QUICK = ("--model", "random", "--temperature", "0")


@pytest.fixture(scope="module")
def talk(place: Place) -> Path:
    place.ok("pull", "random", "--from", str(random_whisper(place.home)))
    sound = np.concatenate([np.concatenate((spoken(SENTENCE), silence(1)))] * 90)
    return write(place.home / "talk.flac", sound, codec="flac")


def job(place: Place, name: str) -> Any:
    (found,) = [one for one in place.ok("jobs", "--json").data if one["name"] == name]
    return found


def kill_node(place: Place) -> None:
    pid = place.ok("ps", "--json").data["pid"]
    os.kill(pid, signal.SIGKILL)


def test_a_killed_node_loses_nothing_that_was_heard(place: Place, talk: Path) -> None:
    place.ok("transcribe", str(talk), *QUICK, "--job", "talk", "--detach")
    journal = place.state / "jobs" / "talk" / "segments.jsonl"

    def heard() -> list[str]:
        lines = journal.read_text().splitlines() if journal.exists() else []
        return [line for line in lines if '"transcribe.segment"' in line]

    eventually(lambda: len(heard()) >= 2)
    kill_node(place)
    before = heard()
    assert job(place, "talk")["state"] == "interrupted"
    place.ok("jobs", "resume", "talk")
    found = job(place, "talk")
    assert found["state"] == "done"
    assert found["done"] == found["total"] > 300
    whole = json.loads(Path(found["results"]["transcript"]).read_text())
    segments = whole["segments"]
    assert [segment["id"] for segment in segments] == list(range(len(segments)))
    assert [segment["text"] for segment in segments[:2]] == [
        json.loads(line)["text"] for line in before[:2]
    ]
    starts = [segment["start"] for segment in segments]
    assert starts == sorted(starts)
    assert whole["text"] == "".join(segment["text"] for segment in segments).strip()
    assert not (place.state / "jobs" / "talk" / "sound").exists()
    assert [path for path in (place.state / "blobs").rglob("*") if path.is_file()] == []


def test_what_cannot_be_a_job_is_refused(place: Place, talk: Path) -> None:
    refused = place.ingle("transcribe", str(talk), str(talk), *QUICK, "--job", "x", "--json")
    assert refused.error["message"] == "--job takes one recording and a name"
    refused = place.ingle("transcribe", str(talk), *QUICK, "--detach", "--json")
    assert refused.error["message"] == "--job takes one recording and a name"
    missing = place.ingle("transcribe", str(talk), "-m", "none", "--job", "x", "--json")
    assert missing.error["code"] == "model_not_found"
    assert place.ok("jobs", "--json").data == [job(place, "talk")]


def test_a_journal_is_read_up_to_the_line_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "segments.jsonl"
    journal = Journal(path)
    journal.add(DetectedLanguage(language="en"))
    journal.add(TranscriptSegment(id=0, start=0.0, end=2.0, text=" one"))
    journal.add(TranscriptProgress(position_s=2.5, duration_s=9))
    journal.add(TranscriptProgress(position_s=2.5, duration_s=9))
    journal.add(TranscriptSegment(id=1, start=3.0, end=4.0, text=" two"))
    journal.close()
    whole = path.read_bytes()
    assert whole.count(b"\n") == 4
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        again = Journal(path)
        again.close()
        kept = whole[:cut].rpartition(b"\n")[0]
        assert path.read_bytes() == (kept + b"\n" if kept else b"")
        assert len(again.segments) == kept.count(b"transcribe.segment")
    assert (again.language, again.position_s) == ("en", 4.0)
    assert msgspec.to_builtins(again.segments) == msgspec.to_builtins(journal.segments)
