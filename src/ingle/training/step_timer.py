"""`StepTimer`: how long a run will take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable


class StepTimer:
    """Ticks after each step. The first one, in which executors warm up, hardly counts.

    Args:
        now: seconds, from any beginning.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._before = now()
        self._took: deque[float] = deque(maxlen=50)
        self._ticks = 0

    def tick(self) -> None:
        """A step is done, and the look at the validation rows after it."""
        now = self._now()
        took, self._before = now - self._before, now
        self._ticks += 1
        if self._ticks == 2:
            self._took.clear()
        self._took.append(took)

    def left(self, steps: int) -> float:
        """Seconds for that many more steps."""
        return steps * sum(self._took) / max(1, len(self._took))
