"""Voices are told apart by vectors; the vectors here are made up."""

from __future__ import annotations

import numpy as np
import pytest

from ingle.sound.samples import RATE, Samples
from ingle.sound.speakers import SpeakerTimeline, timeline
from ingle.sound.speech import Speech

pytestmark = pytest.mark.extras

VOICES = np.eye(4, 16, dtype=np.float32)


def stretch(at_s: float, length_s: float, voice: int) -> Speech:
    return Speech(round(at_s * RATE), np.full(round(length_s * RATE), voice, np.float32))


def embed(samples: Samples) -> np.ndarray:  # type: ignore[type-arg]
    """Of the voices that a piece is of, a little blurred."""
    chance = np.random.default_rng(len(samples) + int(samples.sum()))
    shares = np.bincount(samples.astype(int), minlength=4) / len(samples)
    return (shares @ VOICES + chance.normal(0, 0.1, 16)).astype(np.float32)


@pytest.mark.parametrize("wanted", ["auto", 3])
def test_turns_are_named_in_the_order_of_their_first_words(wanted: int | str) -> None:
    spoken = [(0, 5, 2), (6, 4, 0), (11, 6, 2), (18, 5, 1), (24, 3, 0)]
    found = timeline((stretch(*each) for each in spoken), embed, wanted)  # type: ignore[arg-type]
    assert found.count == 3
    assert [found.speaker(at, at + length) for at, length, _ in spoken] == [0, 1, 0, 2, 1]
    assert found.speaker(5.2, 5.8) is None
    assert found.speaker(1000, 1001) is None


def test_a_stretch_with_two_voices_is_two_turns() -> None:
    samples = np.concatenate((np.full(6 * RATE, 0), np.full(6 * RATE, 3))).astype(np.float32)
    found = timeline([Speech(0, samples)], embed, 2)
    assert (found.speaker(0, 5.5), found.speaker(6.5, 12)) == (0, 1)
    assert found.speaker(0, 12) in (0, 1)


def test_nobody_speaks() -> None:
    found = timeline([stretch(0, 0.3, 1)], embed, "auto")
    assert (found.count, found.speaker(0, 1)) == (0, None)
    assert SpeakerTimeline([]).count == 0


def test_there_may_be_fewer_than_wanted() -> None:
    found = timeline([stretch(0, 2, 1)], embed, 9)
    assert 1 <= found.count <= 9


@pytest.mark.parametrize("wanted", ["auto", 4])
def test_hours_are_clustered_block_by_block(wanted: int | str) -> None:
    """So many that their blocks' clusters fill more than one block, too; one voice is rare."""
    chance = np.random.default_rng(3)
    truth = chance.integers(0, 3, 9000)
    truth[4000:4012] = 3
    at, place = 0.0, []
    for voice in truth:
        place.append(stretch(at, 0.5, int(voice)))
        at += 1
    found = timeline(place, embed, wanted)  # type: ignore[arg-type]
    names = np.array([found.speaker(second, second + 0.5) for second in range(len(truth))])
    assert found.count == 4
    for voice in range(4):
        assert len(set(names[truth == voice])) == 1
