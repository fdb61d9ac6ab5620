"""Digits as espeak-ng speaks them, in many voices, at many speeds, with noise."""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soxr

from ingle.engines.espeak.espeak_library import espeak

RATE = 16_000
WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("stop", "go"),
)
VOICES = (
    *("en-us", "en-gb-x-rp", "en-gb-scotland", "en-us+m2", "en-us+m3", "en-us+m4", "en-us+f1"),
    *("en-us+f2", "en-us+f3", "en-gb-x-rp+m1", "en-gb-x-rp+f4", "en-us+m7"),
)
MOST_WORDS = 5
MOST_S = 5.0


class Clip(NamedTuple):
    """A recording and the places of its words in `WORDS`."""

    samples: npt.NDArray[np.float32]
    words: list[int]


def clips(count: int, seed: int, most_words: int = MOST_WORDS) -> list[Clip]:
    """Recordings of one word or several, the same for the same seed."""
    chance, noise = random.Random(seed), np.random.default_rng(seed)
    found: list[Clip] = []
    while len(found) < count:
        words = [chance.randrange(len(WORDS)) for _ in range(chance.randint(1, most_words))]
        samples = _spoken(words, chance, noise)
        if len(samples) <= MOST_S * RATE:
            found.append(Clip(samples, words))
    return found


def _spoken(
    words: list[int], chance: random.Random, noise: np.random.Generator
) -> npt.NDArray[np.float32]:
    library = espeak()
    text = (", " if chance.random() < 0.3 else " ").join(WORDS[word] for word in words)
    data = library.samples(text, chance.choice(VOICES), chance.randint(120, 210))
    spoken = np.frombuffer(data, np.int16).astype(np.float32) / 32768
    spoken = soxr.resample(spoken, library.rate, RATE) * 10 ** chance.uniform(-1.0, 0.1)
    before = np.zeros(chance.randint(0, 6000), np.float32)
    whole = np.concatenate([before, spoken])
    hiss = noise.standard_normal(len(whole)) * 10 ** chance.uniform(-4.5, -2.3)
    return np.clip(whole + hiss, -1, 1).astype(np.float32)
