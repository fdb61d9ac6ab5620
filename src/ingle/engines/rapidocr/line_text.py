"""Reading lines: strips of a picture through the recogniser, and its output as text with places.

The network tells for each step along a strip which character stands there, or none; the same one
in two steps in a row is one character (connectionist temporal classification, Graves et al., 2006).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingle.engines.reading.page_reader import Pixels

TOGETHER = 6
"""Strips that are computed at once."""
SPACE = 0.1
"""Of the width of a letter: half of the least gap between two words."""


class WordSpan(NamedTuple):
    """A word and where in its strip it stands, as fractions of the width."""

    text: str
    start: float
    end: float
    confidence: float


class StripText(NamedTuple):
    """What stands on a strip."""

    text: str
    confidence: float
    words: tuple[WordSpan, ...]


NOTHING = StripText("", 0.0, ())


class LineReader:
    """Reads strips with a recogniser of RapidOCR's."""

    def __init__(self, recogniser: Any) -> None:
        self._recogniser = recogniser
        self._characters: list[str] = recogniser.postprocess_op.character
        self._height = int(recogniser.rec_image_shape[1])
        self._least = recogniser.rec_image_shape[2] / recogniser.rec_image_shape[1]

    def read(
        self, strips: Sequence[Pixels], advance: Callable[[int], None] = lambda _: None
    ) -> list[StripText]:
        """The text of each, in their order.

        Args:
            advance: told how many have been read, between computations.
        """
        ratios = [strip.shape[1] / strip.shape[0] for strip in strips]
        order = sorted(range(len(strips)), key=ratios.__getitem__)
        found = [NOTHING] * len(strips)
        for start in range(0, len(order), TOGETHER):
            advance(start)
            chosen = order[start : start + TOGETHER]
            widest = max(self._least, *(ratios[at] for at in chosen))
            batch = np.stack(
                [self._recogniser.resize_norm_img(strips[at], widest) for at in chosen]
            )
            steps = self._recogniser.session(batch.astype(np.float32, copy=False))
            best, probabilities = steps.argmax(axis=2), steps.max(axis=2)
            for at, indices, likely in zip(chosen, best, probabilities, strict=True):
                # Strips of a batch are as wide as the widest, with nothing behind their end.
                used = min(1.0, np.ceil(self._height * ratios[at]) / int(self._height * widest))
                found[at] = self._decoded(indices, likely, len(indices) * used)
        return found

    def _decoded(self, indices: NDArray[Any], likely: NDArray[Any], width: float) -> StripText:
        new = np.concatenate(([True], indices[1:] != indices[:-1])) & (indices != 0)
        steps = np.flatnonzero(new)
        letters = [self._characters[index] for index in indices[steps]]
        text = "".join(letters).strip()
        if not text:
            return NOTHING
        confidence = round(float(likely[steps].mean()), 4)
        return StripText(text, confidence, tuple(_words(letters, steps, likely, width)))


def _words(
    letters: Sequence[str], steps: NDArray[Any], likely: NDArray[Any], width: float
) -> list[WordSpan]:
    """Words, each from half a letter before its first letter's step to half a letter behind its
    last one's, but not over the middle of the space between it and the next."""
    pitch = _pitch(steps, width)
    words: list[WordSpan] = []
    first: int | None = None
    for at in range(len(letters) + 1):
        blank = at == len(letters) or letters[at].isspace()
        if not blank and first is None:
            first = at
        elif blank and first is not None:
            start, end = steps[first] + 0.5 - pitch / 2, steps[at - 1] + 0.5 + pitch / 2
            if first:
                start = max(start, steps[first - 1] + 0.5 + SPACE * pitch)
            if at < len(letters):
                end = min(end, steps[at] + 0.5 - SPACE * pitch)
            start = min(max(0.0, start / width), 1.0)
            words.append(
                WordSpan(
                    "".join(letters[first:at]),
                    float(start),
                    float(min(max(start, end / width), 1.0)),
                    round(float(likely[steps[first:at]].mean()), 4),
                )
            )
            first = None
    return words


def _pitch(steps: NDArray[Any], width: float) -> float:
    """Steps from a letter to the next."""
    if len(steps) < 2:
        return width
    return float(min(np.median(np.diff(steps)), width))
