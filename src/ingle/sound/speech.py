"""`SpeechFinder`: the stretches of a stream of sound in which someone speaks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ingle.sound.samples import RATE, Samples
from ingle.sound.vad import FRAME, VoiceActivity


class SpeechBounds(NamedTuple):
    """What counts as speech."""

    threshold: float = 0.5
    """The probability at which it begins."""
    release: float = 0.35
    """The probability under which it is silence again."""
    least_s: float = 0.1
    """What is shorter is a noise."""
    silence_s: float = 0.5
    """The silence that ends a stretch."""
    padding_s: float = 0.2
    """What is kept of the silence before and after, since words begin and end softly."""
    most_s: float = 28.0
    """A longer stretch is cut, where it is most like silence."""


USUAL = SpeechBounds()


class Speech(NamedTuple):
    """A stretch of sound in which someone speaks."""

    start: int
    """Its first sample in the stream."""
    samples: Samples

    @property
    def end(self) -> int:
        """The sample after its last one."""
        return self.start + len(self.samples)


class SpeechFinder:
    """Finds speech in sound that comes in blocks. Holds no more of it than one stretch has."""

    def __init__(self, bounds: SpeechBounds = USUAL, start: int = 0) -> None:
        self._bounds = bounds
        self._voice = VoiceActivity()
        self._sound = np.zeros(0, np.float32)
        """What may still belong to a stretch; it begins at the sample `_at` of the stream."""
        self._at = start
        self._likely: list[float] = []
        """The probability of each frame of `_sound` that has been looked at."""
        self._began: int | None = None
        """The frame of `_sound` in which the stretch under way began."""
        self._silent = 0
        """Frames of silence since anyone last spoke."""
        self._end: int | None = None
        """The sample of the stream after its last one, once it has ended."""
        self._padding = max(1, round(bounds.padding_s * RATE / FRAME))
        self._silence = max(1, round(bounds.silence_s * RATE / FRAME))
        self._most = max(2, int(bounds.most_s * RATE / FRAME) - 2 * self._padding)
        self._lead = self._padding
        """Frames before the stretch under way that belong to it."""

    @property
    def speaking(self) -> bool:
        """A stretch is under way."""
        return self._began is not None

    @property
    def position(self) -> int:
        """The sample of the stream up to which it is known whether someone speaks."""
        return self._at + len(self._likely) * FRAME

    def add(self, block: Samples) -> list[Speech]:
        """The next samples; returns the stretches that ended with them."""
        self._sound = np.concatenate((self._sound, block))
        known = len(self._likely) * FRAME
        whole = (len(self._sound) - known) // FRAME * FRAME
        found = []
        for likely in self._voice.probabilities(self._sound[known : known + whole]):
            found += self._frame(float(likely))
        self._forget()
        return found

    def finish(self) -> list[Speech]:
        """The sound has ended; returns the stretch that was under way."""
        self._end = self._at + len(self._sound)
        found = self.add(np.zeros(-len(self._sound) % FRAME, np.float32))
        if self._began is not None:
            found += self._ended(len(self._likely) - self._silent)
        return found

    def under_way(self) -> Speech | None:
        """The stretch that has begun and not ended, as far as it has been heard."""
        if self._began is None:
            return None
        first = max(0, self._began - self._lead) * FRAME
        return Speech(self._at + first, self._sound[first:])

    def pausing(self) -> Speech | None:
        """The stretch under way as it will be if no more is said; None while someone speaks."""
        if self._began is None or self._silent < self._padding:
            return None
        spoken = len(self._likely) - self._silent
        return self._speech(self._began - self._lead, spoken + self._padding)

    def _frame(self, likely: float) -> list[Speech]:
        self._likely.append(likely)
        bounds = self._bounds
        here = len(self._likely)
        if self._began is None:
            if likely >= bounds.threshold:
                self._began, self._silent, self._lead = here - 1, 0, self._padding
            return []
        self._silent = self._silent + 1 if likely < bounds.release else 0
        if self._silent >= self._silence:
            return self._ended(here - self._silent)
        if here - self._began >= self._most:
            return self._cut()
        return []

    def _ended(self, end: int) -> list[Speech]:
        """The stretch under way ends at a frame."""
        assert self._began is not None
        began, self._began = self._began, None
        if (end - began) * FRAME < self._bounds.least_s * RATE:
            return []
        return [self._speech(began - self._lead, end + self._padding)]

    def _cut(self) -> list[Speech]:
        """The stretch under way has become too long: it ends where it is most like silence."""
        assert self._began is not None
        latest = self._likely[self._began + self._most // 2 :]
        quietest = self._began + self._most // 2 + int(np.argmin(latest))
        speech = self._speech(self._began - self._lead, quietest + 1)
        self._began, self._lead = quietest + 1, 0
        return [speech]

    def _speech(self, first: int, end: int) -> Speech:
        start, stop = max(0, first) * FRAME, end * FRAME
        if self._end is not None:
            stop = min(stop, self._end - self._at)
        return Speech(self._at + start, self._sound[start:stop].copy())

    def _forget(self) -> None:
        """Let go of what can belong to no stretch any more."""
        first = len(self._likely) if self._began is None else self._began
        gone = max(0, first - self._padding)
        self._sound = self._sound[gone * FRAME :].copy()
        self._at += gone * FRAME
        del self._likely[:gone]
        if self._began is not None:
            self._began -= gone
