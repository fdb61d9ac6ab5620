"""What translating costs: characters of the source."""

from __future__ import annotations

from ingle.capabilities.translate.operation import Translate, Translation, TranslationProgress
from ingle.operations.capability import Cost
from ingle.operations.encoded import Encoded, Passed
from ingle.operations.operation import Event

UNIT = "characters"
DENSEST = 64
"""Bytes of a document for each of its characters at most, for an estimate that is never more than
what is counted: packed documents have markup and pictures in them."""
_TYPES: dict[str, type[Event]] = {
    "translate.progress": TranslationProgress,
    "translate.translation": Translation,
}


class TranslationTally:
    """The estimate, or as many characters as have been translated if that is more."""

    def __init__(self, operation: Translate, estimate: float) -> None:
        self._used = estimate

    def add(self, event: Passed) -> None:
        known = event.decode(_TYPES) if isinstance(event, Encoded) else event
        match known:
            case TranslationProgress(completed=done) | Translation(characters=done):
                self._used = max(self._used, done)

    @property
    def used(self) -> float:
        return self._used


def estimated(operation: Translate) -> float:
    """Characters that a request has at least."""
    if operation.document is not None:
        return operation.document.size // DENSEST
    return sum(len(text) for text in operation.texts)


COST = Cost(unit=UNIT, estimate=estimated, tally=TranslationTally)
