"""Stretches share windows; a time in one is a time in the recording."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingle.sound.samples import RATE
from ingle.sound.speech import Speech
from ingle.sound.windows import PAUSE, windows

MOST_S = 10


def speech(start_s: float, length_s: float) -> Speech:
    length = round(length_s * RATE)
    return Speech(round(start_s * RATE), np.full(length, 0.5, np.float32))


@st.composite
def stretches(draw: st.DrawFn) -> list[Speech]:
    made, at = [], 0.0
    for _ in range(draw(st.integers(0, 12))):
        at += draw(st.floats(0, 8))
        length = draw(st.floats(0.1, MOST_S - 1))
        made.append(speech(at, length))
        at = made[-1].end / RATE
    return made


@given(stretches())
def test_every_stretch_is_in_one_window_and_its_times_are_its_own(made: list[Speech]) -> None:
    found = list(windows(made, MOST_S))
    parts = [part for window in found for part in window.parts]
    assert [(part.start, part.length) for part in parts] == [
        (one.start, len(one.samples)) for one in made
    ]
    for window in found:
        assert len(window.samples) <= MOST_S * RATE
        for part in window.parts:
            inside = window.samples[part.at : part.at + part.length]
            assert (inside == 0.5).all()
            middle = part.length // 2
            assert round(window.second((part.at + middle) / RATE) * RATE) == part.start + middle
        ends = window.parts[-1]
        assert window.end_s == (ends.start + ends.length) / RATE


@given(stretches(), st.floats(0, MOST_S + 2), st.floats(0, MOST_S + 2))
def test_times_keep_their_order(made: list[Speech], one: float, other: float) -> None:
    earlier, later = sorted((one, other))
    for window in windows(made, MOST_S):
        assert window.second(earlier) <= window.second(later)
        assert window.start_s <= window.second(earlier) <= window.end_s


def test_long_pauses_are_shortened_and_times_in_them_belong_to_what_is_said() -> None:
    (window,) = windows([speech(1, 2), speech(60, 2)], MOST_S)
    assert len(window.samples) == 4 * RATE + PAUSE
    assert window.second(2.1) == 60
    assert window.second(2.1, ending=True) == 3
    assert window.second(2 + PAUSE / RATE, ending=True) == 3
    assert window.second(2 + PAUSE / RATE) == 60
    assert window.second(2.8, ending=True) == 3
    assert window.second(3.1, ending=True) == 60.6
    assert window.second(99, ending=True) == 62
