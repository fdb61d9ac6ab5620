"""What drawing costs: megapixels, counted once for each step."""

from __future__ import annotations

from ingle.capabilities.imagine.operation import REDRAWN, SMALLEST_SIDE, Imagine, ImagineStep
from ingle.operations.capability import Cost
from ingle.operations.encoded import Encoded, Passed
from ingle.operations.operation import Event

UNIT = "megapixel_steps"
_TYPES: dict[str, type[Event]] = {"imagine.step": ImagineStep}


class MegapixelTally:
    """The estimate, or what the steps were so far if that is more."""

    def __init__(self, operation: Imagine, estimate: float) -> None:
        self._estimate = estimate
        self._counted = 0.0

    def add(self, event: Passed) -> None:
        known = event.decode(_TYPES) if isinstance(event, Encoded) else event
        if isinstance(known, ImagineStep):
            self._counted += megapixels(known.width, known.height)

    @property
    def used(self) -> float:
        return max(self._estimate, self._counted)


def megapixels(width: int, height: int) -> float:
    """Of a picture."""
    return width * height / 1e6


def estimated(operation: Imagine) -> float:
    """At least: what is left to the model counts as little as it can be."""
    area = megapixels(operation.width or SMALLEST_SIDE, operation.height or SMALLEST_SIDE)
    steps = operation.steps or 1
    larger = int(steps * REDRAWN) * operation.upscale**2 if operation.upscale > 1 else 0
    begun = operation.strength if operation.image is not None else 1.0
    return operation.n * (max(int(steps * begun), 1) + larger) * area


COST = Cost(unit=UNIT, estimate=estimated, tally=MegapixelTally)
