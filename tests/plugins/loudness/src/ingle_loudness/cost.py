"""What it costs: seconds of sound."""

from __future__ import annotations

from ingle.operations.capability import Cost
from ingle.operations.encoded import Encoded, Passed
from ingle_loudness.operation import Level, Loudness, Measured

BYTES_PER_SECOND = 2 * 8000
"""At the usual rate; what a model with another one takes is known only from its events."""
_TYPES = {"loudness.level": Level, "loudness.measured": Measured}


class SecondTally:
    """A second for each level; in the end what was measured."""

    def __init__(self, operation: Loudness, estimate: float) -> None:
        self._used = estimate

    def add(self, event: Passed) -> None:
        known = event.decode(_TYPES) if isinstance(event, Encoded) else event
        if isinstance(known, Level):
            self._used = max(self._used, known.second + 1)
        elif isinstance(known, Measured):
            self._used = known.seconds

    @property
    def used(self) -> float:
        return self._used


def estimated(operation: Loudness) -> float:
    """Seconds of the recording; 0 for sound that is still to come."""
    return operation.sound.size / BYTES_PER_SECOND if operation.sound else 0.0


COST = Cost(unit="audio_s", estimate=estimated, tally=SecondTally)
