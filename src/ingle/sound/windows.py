"""`Window`: stretches of speech put together, as much as a recogniser hears at once.

Whisper takes as long for a second as for thirty, so short stretches share a window; of the pauses
between them only a little is left. `Window.second` says where in the recording a time in the window
is.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ingle.sound.samples import RATE, Samples
from ingle.sound.speech import Speech

PAUSE = RATE // 2
"""Samples of silence that are left of a longer pause."""

LATE = RATE // 2
"""Samples by which a recogniser is late when it says that something has ended: what ends so soon
after a pause has ended before it."""


class WindowPart(NamedTuple):
    """A stretch of the recording in a window, both counted in samples."""

    at: int
    """Where it begins in the window."""
    start: int
    """Where it begins in the recording."""
    length: int


class Window(NamedTuple):
    """What a recogniser hears at once."""

    samples: Samples
    parts: tuple[WindowPart, ...]

    @property
    def start_s(self) -> float:
        """Where it begins in the recording."""
        return self.parts[0].start / RATE

    @property
    def end_s(self) -> float:
        """Where it ends in the recording."""
        return (self.parts[-1].start + self.parts[-1].length) / RATE

    def second(self, in_window: float, *, ending: bool = False) -> float:
        """The second of the recording that a second of the window is.

        Args:
            ending: something ends there: in a pause, or just after one, that is where the part
                before it ends. Else a second of a pause is where the part after it begins.
        """
        sample = max(0.0, in_window * RATE)
        starts = [part.at for part in self.parts]
        number = max(0, bisect.bisect_right(starts, sample) - 1)
        part = self.parts[number]
        if ending and number and sample - part.at < LATE:
            part = self.parts[number - 1]
        inside = sample - part.at
        if inside > part.length and not ending and number + 1 < len(self.parts):
            return self.parts[number + 1].start / RATE
        return (part.start + min(inside, part.length)) / RATE


def windows(stretches: Iterable[Speech], most_s: float) -> Iterator[Window]:
    """Put stretches together, in their order.

    Args:
        most_s: seconds of a window; no stretch is longer.
    """
    waiting: list[Speech] = []
    length = 0
    for speech in stretches:
        pause = _pause(waiting[-1], speech) if waiting else 0
        if waiting and length + pause + len(speech.samples) > most_s * RATE:
            yield _joined(waiting)
            waiting, length, pause = [], 0, 0
        waiting.append(speech)
        length += pause + len(speech.samples)
    if waiting:
        yield _joined(waiting)


def _pause(before: Speech, after: Speech) -> int:
    return max(0, min(PAUSE, after.start - before.end))


def _joined(stretches: list[Speech]) -> Window:
    samples: list[Samples] = []
    parts: list[WindowPart] = []
    at = 0
    for number, speech in enumerate(stretches):
        if number:
            pause = _pause(stretches[number - 1], speech)
            samples.append(np.zeros(pause, np.float32))
            at += pause
        parts.append(WindowPart(at, speech.start, len(speech.samples)))
        samples.append(speech.samples)
        at += len(speech.samples)
    return Window(np.concatenate(samples), tuple(parts))
