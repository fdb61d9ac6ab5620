"""Sound that comes: turns, texts that are not final, final ones; hearing is scripted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from ingle.capabilities.transcribe.operation import (
    SpeechTurn,
    Transcribe,
    Transcript,
    TranscriptSegment,
)
from ingle.engines.recognition.live import LiveTranscription
from ingle.engines.recognition.recogniser import Stop
from ingle.errors import Cancelled, EngineFault, InvalidRequest
from ingle.operations.operation import Bytes, Piece
from ingle.sound.samples import RATE, Samples
from tests.sound.speech_samples import silence, spoken

from .scripted import Caller, Script, ScriptedRecogniser, seconds

pytestmark = pytest.mark.extras

FIRST, SECOND = "The first sentence is spoken here.", "And this is the second one."


def pieces(samples: Samples, step: int = 800) -> Iterator[Piece]:
    data = (samples * 32767).astype("<i2").tobytes()
    for at in range(0, len(data), 2 * step):
        yield Bytes(data=data[at : at + 2 * step])


def heard(
    samples: Samples,
    script: Script = seconds,
    caller: Caller | None = None,
    **options: Any,
) -> tuple[Caller, ScriptedRecogniser]:
    caller = caller or Caller()
    recogniser = ScriptedRecogniser(script)
    operation = Transcribe(model="m", **options)
    LiveTranscription(operation, recogniser, caller.emit, 2).perform(pieces(samples))
    return caller, recogniser


def two_phrases() -> Samples:
    return np.concatenate((silence(1), spoken(FIRST), silence(2), spoken(SECOND), silence(1)))


def test_turns_and_texts_come_in_order() -> None:
    caller, _ = heard(two_phrases())
    told = [
        (event.state, event.id)
        if isinstance(event, SpeechTurn)
        else ("final" if event.final else "partial", event.id)
        for event in caller.events
        if isinstance(event, SpeechTurn | TranscriptSegment)
    ]
    for number in (0, 1):
        mine = [what for what, id_ in told if id_ == number]
        assert mine[0] == "started"
        assert mine[-2:] == ["ended", "final"]
        assert set(mine[1:-2]) <= {"partial"}
    (transcript,) = caller.of(Transcript)
    assert isinstance(transcript, Transcript)
    assert transcript.segments == 2
    assert transcript.duration_s == pytest.approx(len(two_phrases()) / RATE, abs=0.01)
    turns = [event for event in caller.events if isinstance(event, SpeechTurn)]
    assert turns[0].at_s == pytest.approx(0.8, abs=0.15)
    assert turns[1].at_s == pytest.approx(1 + len(spoken(FIRST)) / RATE + 0.2, abs=0.2)


def test_phrases_are_heard_while_they_grow() -> None:
    """A hearing that is waited for before the next piece comes, as a fast one is done by then."""
    done = threading.Semaphore(0)

    def script(samples: Samples, stop: Stop) -> str:
        done.release()
        return f" {len(samples)}"

    caller = Caller()
    recogniser = ScriptedRecogniser(script)
    operation = Transcribe(model="m", partial_ms=300)

    def feed() -> Iterator[Piece]:
        for piece in pieces(two_phrases()):
            yield piece
            done.acquire(timeout=0.02)

    LiveTranscription(operation, recogniser, caller.emit, 2).perform(feed())
    partial = [
        event.text
        for event in caller.events
        if isinstance(event, TranscriptSegment) and not event.final and event.id == 0
    ]
    assert len(partial) >= 3
    assert [int(text) for text in partial] == sorted(int(text) for text in partial)


def test_no_text_before_its_end_where_none_is_wanted() -> None:
    caller, _ = heard(two_phrases(), partial_ms=None, silence_ms=300)
    assert len([e for e in caller.events if isinstance(e, TranscriptSegment) and e.final]) == 2


def test_a_phrase_that_turns_out_to_be_nothing_is_taken_back() -> None:
    def script(samples: Samples, stop: Stop) -> str:
        return "" if stop.requested or len(samples) > 1.8 * RATE else " hm"

    caller, _ = heard(np.concatenate((spoken(FIRST), silence(1))), script)
    told = [event for event in caller.events if isinstance(event, TranscriptSegment)]
    if any(not event.final for event in told):
        assert told[-1].final
        assert told[-1].text == ""
    (transcript,) = caller.of(Transcript)
    assert isinstance(transcript, Transcript)
    assert transcript.text == ""


def test_who_leaves_stops_what_is_heard() -> None:
    stopped = threading.Event()

    def script(samples: Samples, stop: Stop) -> str:
        while not stop.requested:
            stopped.wait(0.01)
        stopped.set()
        return ""

    with pytest.raises(Cancelled):
        heard(two_phrases(), script, Caller(SpeechTurn, 2), partial_ms=None)
    assert stopped.is_set()


def test_a_failure_of_the_engine_is_its_error() -> None:
    def script(samples: Samples, stop: Stop) -> str:
        raise EngineFault("whisper.cpp failed (code -6)")

    with pytest.raises(EngineFault, match="code -6"):
        heard(two_phrases(), script)


def test_floats_at_another_rate_are_the_same_sound() -> None:
    import soxr

    caller, recogniser = Caller(), ScriptedRecogniser()
    operation = Transcribe(model="m", encoding="f32", rate=48_000, partial_ms=None)
    data = soxr.resample(two_phrases(), RATE, 48_000).astype("<f4").tobytes()
    feed = (Bytes(data=data[at : at + 10_001]) for at in range(0, len(data), 10_001))
    LiveTranscription(operation, recogniser, caller.emit, 2).perform(feed)
    (transcript,) = caller.of(Transcript)
    assert isinstance(transcript, Transcript)
    assert transcript.segments == 2
    assert transcript.duration_s == pytest.approx(len(two_phrases()) / RATE, abs=0.05)


def test_a_sample_that_is_not_a_number_is_named() -> None:
    feed = [Bytes(data=np.array([0.0, np.nan], "<f4").tobytes())]
    operation = Transcribe(model="m", encoding="f32")
    live = LiveTranscription(operation, ScriptedRecogniser(), Caller().emit, 2)
    with pytest.raises(InvalidRequest, match="not a finite number"):
        live.perform(feed)


def test_nothing_was_sent() -> None:
    caller, _ = heard(silence(0))
    (transcript,) = caller.of(Transcript)
    assert isinstance(transcript, Transcript)
    assert (transcript.text, transcript.duration_s) == ("", 0)
