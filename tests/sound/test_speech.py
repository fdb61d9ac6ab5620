"""Speech is found where it is, whatever the blocks; silence and noise are none."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ingle.sound.samples import RATE, Samples
from ingle.sound.speech import Speech, SpeechBounds, SpeechFinder
from tests.sound.speech_samples import noise, silence, spoken

pytestmark = pytest.mark.extras

FIRST, SECOND = "The first sentence is spoken here.", "And this is the second one."
PADDING = 0.2
CLOSE = 0.15
"""Seconds by which a boundary may be off: words begin and end softly."""


def found(samples: Samples, step: int = RATE, bounds: SpeechBounds | None = None) -> list[Speech]:
    finder = SpeechFinder(bounds or SpeechBounds())
    stretches = []
    for at in range(0, len(samples), step):
        stretches += finder.add(samples[at : at + step])
    return [*stretches, *finder.finish()]


def test_two_sentences_are_two_stretches_at_their_times() -> None:
    first, second = spoken(FIRST), spoken(SECOND)
    sound = np.concatenate((silence(2), first, silence(3), second, silence(1)))
    stretches = found(sound)
    begins = [2.0, 5.0 + len(first) / RATE]
    ends = [begins[0] + len(first) / RATE, begins[1] + len(second) / RATE]
    assert [s.start / RATE + PADDING for s in stretches] == pytest.approx(begins, abs=CLOSE)
    assert [s.end / RATE - PADDING for s in stretches] == pytest.approx(ends, abs=CLOSE)
    for stretch in stretches:
        assert np.array_equal(stretch.samples, sound[stretch.start : stretch.end])


@pytest.mark.parametrize("step", [160, 512, 4_000, 10 * RATE])
def test_it_does_not_matter_how_sound_is_cut_into_blocks(step: int) -> None:
    sound = np.concatenate((silence(0.7), spoken(FIRST), silence(1), spoken(SECOND)))
    whole, cut = found(sound), found(sound, step)
    assert [(s.start, s.end) for s in cut] == [(s.start, s.end) for s in whole]


def test_silence_and_noise_are_no_speech() -> None:
    assert found(silence(20)) == []
    assert found(noise(20)) == []
    assert found(np.zeros(1, np.float32)) == []
    assert found(np.zeros(0, np.float32)) == []


def test_what_goes_on_for_long_is_cut_and_nothing_is_lost_or_twice() -> None:
    sound = np.concatenate([spoken(FIRST), spoken(SECOND)] * 5)
    bounds = SpeechBounds(most_s=5, silence_s=2)
    stretches = found(sound, bounds=bounds)
    assert len(stretches) > 3
    assert all(len(s.samples) <= 5 * RATE for s in stretches)
    for one, next_one in itertools.pairwise(stretches):
        assert one.end == next_one.start
    assert stretches[0].start == 0
    assert stretches[-1].end == pytest.approx(len(sound), abs=RATE // 2)


def test_times_count_from_where_the_stream_began() -> None:
    sound = np.concatenate((silence(1), spoken(FIRST), silence(1)))
    finder = SpeechFinder(start=100 * RATE)
    (stretch,) = [*finder.add(sound), *finder.finish()]
    assert stretch.start / RATE == pytest.approx(101 - PADDING, abs=CLOSE)


def test_an_hour_of_silence_is_not_kept() -> None:
    finder = SpeechFinder()
    for _ in range(3600):
        finder.add(silence(1))
    assert finder.position == pytest.approx(3600 * RATE, abs=RATE)
    assert finder.under_way() is None
    finder.add(spoken(FIRST))
    under_way = finder.under_way()
    assert under_way is not None
    assert len(under_way.samples) < 6 * RATE


def test_what_a_pause_would_end_is_what_it_ends() -> None:
    sound = np.concatenate((silence(0.5), spoken(FIRST), silence(1)))
    finder = SpeechFinder()
    pausing = []
    ended: list[Speech] = []
    for at in range(0, len(sound), 512):
        ended += finder.add(sound[at : at + 512])
        if finder.pausing() is not None:
            pausing.append(finder.pausing())
    (stretch,) = ended
    last = pausing[-1]
    assert last is not None
    assert (last.start, last.end) == (stretch.start, stretch.end)
    assert len(pausing) > 5
