"""`EarlyStopping`: which evaluation was the best, and for how many none was better."""

from __future__ import annotations

import msgspec


class EarlyStopping(msgspec.Struct, kw_only=True):
    """Part of a run's state: a run that continues remembers it."""

    best: float | None = None
    """The lowest validation loss."""
    best_step: int = 0
    since: int = 0
    """Looks since then."""

    def look(self, step: int, validation: float) -> bool:
        """Take a validation loss; is it the best so far?"""
        if self.best is None or validation < self.best:
            self.best, self.best_step, self.since = validation, step, 0
            return True
        self.since += 1
        return False

    def enough(self, patience: int) -> bool:
        """Nothing got better for that many looks; a patience of 0 has no end."""
        return 0 < patience <= self.since
