"""`DeathCount`: how often a model's worker died lately."""

from __future__ import annotations

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
FORGET_DEATHS_S = 120.0


class DeathCount:
    """How often a model's worker died lately, and how long to wait before the next start."""

    def __init__(self) -> None:
        self._count = 0
        self._last = 0.0

    def add(self, now: float) -> None:
        self._count = 1 if now - self._last > FORGET_DEATHS_S else self._count + 1
        self._last = now

    def pause(self, now: float) -> float:
        """Seconds still to wait. The first death costs nothing."""
        if self._count < 2 or now - self._last > FORGET_DEATHS_S:
            return 0.0
        whole = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (self._count - 2))
        return max(0.0, self._last + whole - now)
