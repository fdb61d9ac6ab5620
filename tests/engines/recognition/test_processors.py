"""Recordings at once share the processors: their threads are never more than there are."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ingle.capabilities.transcribe.operation import Transcribe
from ingle.engines.recognition.processors import Processors
from ingle.engines.recognition.recogniser import Recognised, Stop
from ingle.engines.recognition.recording import RecordingTranscription
from ingle.sound.samples import RATE, Samples
from tests.sound.speech_samples import spoken

from .scripted import Caller, ScriptedRecogniser
from .test_recording import SOUND, recording, segments

pytestmark = pytest.mark.extras


def test_work_takes_what_is_free_in_the_order_in_which_it_asked() -> None:
    processors, order = Processors(3), list[tuple[str, int]]()
    asked, free = threading.Event(), threading.Event()

    def work(name: str, most: int) -> None:
        with processors.taken(most, Stop()) as threads:
            order.append((name, threads))
            if name == "first":
                asked.set()
                free.wait()

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(work, "first", 3)
        asked.wait()
        later = [pool.submit(work, name, most) for name, most in (("second", 1), ("third", 3))]
        free.set()
        for each in (first, *later):
            each.result()
    assert order[0] == ("first", 3)
    assert {name for name, _ in order} == {"first", "second", "third"}
    with processors.taken(9, Stop()) as threads:
        assert threads == 3


def test_a_request_that_has_ended_waits_no_longer() -> None:
    processors, stop = Processors(1), Stop()
    with processors.taken(1, Stop()), ThreadPoolExecutor(1) as pool:

        def wait() -> int:
            with processors.taken(1, stop) as threads:
                return threads

        waiting = pool.submit(wait)
        stop.request()
        assert waiting.result() == 0
    with processors.taken(1, Stop()) as threads:
        assert threads == 1


class CountingRecogniser(ScriptedRecogniser):
    """Knows how many threads compute at once, in all recordings."""

    def __init__(self) -> None:
        super().__init__()
        self._counting = threading.Lock()
        self.computing = self.most = 0
        self.firsts: list[int] = []

    def recognise(
        self,
        samples: Samples,
        operation: Transcribe,
        *,
        language: str,
        threads: int,
        stop: Stop,
        quick: bool = False,
    ) -> Recognised:
        with self._counting:
            self.computing += threads
            self.most = max(self.most, self.computing)
            self.firsts.append(threads)
        try:
            return super().recognise(
                samples, operation, language=language, threads=threads, stop=stop, quick=quick
            )
        finally:
            with self._counting:
                self.computing -= threads


def test_two_recordings_use_no_more_threads_than_there_are(tmp_path: Path) -> None:
    sentence = spoken("The first sentence is spoken here, and it takes some time.")
    parts = [np.concatenate((sentence, np.zeros(RATE * 10 - len(sentence), np.float32)))] * 12
    path = recording(tmp_path / "talk.wav", np.concatenate(parts))
    recogniser, processors = CountingRecogniser(), Processors(2)

    def heard() -> int:
        caller, operation = Caller(), Transcribe(model="m", sound=SOUND)
        RecordingTranscription(operation, recogniser, caller.emit, processors).perform(path)
        return len(segments(caller))

    alone = heard()
    assert recogniser.firsts[0] == 2
    with ThreadPoolExecutor(3) as pool:
        found = [each.result() for each in [pool.submit(heard) for _ in range(3)]]
    assert found == [alone] * 3
    assert recogniser.most == 2
