"""What a training run costs: the tokens that its steps have seen."""

from __future__ import annotations

from ingle.capabilities.train.operation import Train, TrainingProgress
from ingle.operations.capability import Cost
from ingle.operations.encoded import Encoded, Passed
from ingle.operations.operation import Operation
from ingle.operations.tokens import UNIT

_TYPES = {"training": TrainingProgress}


class StepTally:
    """Adds up the tokens of a run's steps."""

    def __init__(self, operation: Operation, estimate: float) -> None:
        self._used = 0

    def add(self, event: Passed) -> None:
        step = event.decode(_TYPES) if isinstance(event, Encoded) else event
        if isinstance(step, TrainingProgress):
            self._used += step.tokens

    @property
    def used(self) -> float:
        return self._used


def _estimated(operation: Operation) -> float | None:
    """Only a run is counted; asking about it is not."""
    return 1 if isinstance(operation, Train) else None


COST = Cost(unit=UNIT, estimate=_estimated, tally=StepTally)
