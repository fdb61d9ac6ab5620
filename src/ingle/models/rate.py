"""How fast a job goes and how long it will take."""

from __future__ import annotations

import math

_MEMORY_S = 5.0
"""After this many seconds an old rate counts a third."""


class Rate:
    """A smoothed rate. The first reading is the start: what was there before does not count."""

    def __init__(self) -> None:
        self.value = 0.0
        """Units per second."""
        self._last: tuple[float, int] | None = None

    def update(self, now: float, done: int) -> float:
        """Take a reading (``now`` in seconds of any clock) and return the smoothed rate."""
        if self._last is None:
            self._last = (now, done)
            return self.value
        then, before = self._last
        if now - then <= 0:
            return self.value
        current = max(0, done - before) / (now - then)
        weight = 1 - math.exp(-(now - then) / _MEMORY_S)
        self.value = current if self.value == 0 else self.value + weight * (current - self.value)
        self._last = (now, done)
        return self.value

    def eta(self, left: int) -> float:
        """Seconds for ``left`` more units; 0 if unknown."""
        return left / self.value if self.value > 0 and left > 0 else 0.0
