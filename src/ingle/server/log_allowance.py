"""Lines of the log that a stranger can cause: a burst of them, then one a second."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

_BURST = 60
_REFILL_S = 1.0


class LogAllowance:
    """Says whether a line may be written. What was left out is told by the next one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = float(_BURST)
        self._at = clock()
        self.omitted = 0
        """Lines that were left out since the last one that was written."""

    def take(self) -> bool:
        """Whether one more line may be written now."""
        now = self._clock()
        self._left = min(float(_BURST), self._left + (now - self._at) / _REFILL_S)
        self._at = now
        if self._left < 1:
            self.omitted += 1
            return False
        self._left -= 1
        return True

    def note(self) -> str:
        """What to add to the line that was allowed: how many before it were not."""
        omitted, self.omitted = self.omitted, 0
        return f" ({omitted} more lines were left out)" if omitted else ""


class AllowanceFilter(logging.Filter):
    """Holds a logger whose lines strangers cause to an allowance."""

    def __init__(self) -> None:
        super().__init__()
        self._allowance = LogAllowance()

    def filter(self, record: logging.LogRecord) -> bool:
        if not self._allowance.take():
            return False
        record.msg = f"{record.msg}{self._allowance.note()}"
        return True
