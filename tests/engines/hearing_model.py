"""The tiny model that hears spoken digits (`recipes.hearing`), and clips to ask it about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from recipes.digits.spoken import Clip, clips
from recipes.hearing.conversations import MOST_WORDS, questions
from recipes.shapes.drawings import Question

from ingle.sound.encode import encoder
from ingle.sound.samples import RATE

FOLDER = Path(__file__).parent / "hearing"
"""Its two files, as the recipe wrote them."""
SEED = 60_000_000
"""Of clips that it was not trained on."""


def spoken(count: int, seed: int = SEED) -> list[Clip]:
    return clips(count, seed, MOST_WORDS)


def asked(clip: Clip, number: int) -> Question:
    """One of the questions about a clip."""
    every = questions(clip)
    return every[number % len(every)]


def wav(clip: Clip) -> bytes:
    return recorded(clip, "wav")


def recorded(clip: Clip, form: str, rate: int = RATE) -> bytes:
    """A clip as a file of a sound format."""
    made = encoder(form, RATE, rate)  # type: ignore[arg-type]
    return made.add((clip.samples * 32767).astype(np.dtype("<i2")).tobytes()) + made.finish()
