"""What detecting a language costs: characters."""

from __future__ import annotations

from ingle.capabilities.detect.operation import Detect
from ingle.operations.capability import Cost
from ingle.operations.encoded import Passed


class DetectedTally:
    """The estimate: all texts are looked at."""

    def __init__(self, operation: Detect, estimate: float) -> None:
        self._used = estimate

    def add(self, event: Passed) -> None:
        """Nothing more is used."""

    @property
    def used(self) -> float:
        return self._used


def estimated(operation: Detect) -> float:
    """Characters of the texts."""
    return sum(len(text) for text in operation.texts)


COST = Cost(unit="characters", estimate=estimated, tally=DetectedTally)
