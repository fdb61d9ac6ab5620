"""What speaking costs: characters of the text."""

from __future__ import annotations

from ingle.capabilities.speak.operation import Speak, SpeakingSentence, Spoken
from ingle.operations.capability import Cost
from ingle.operations.encoded import Encoded, Passed
from ingle.operations.operation import Event

UNIT = "characters"
_TYPES: dict[str, type[Event]] = {"speak.sentence": SpeakingSentence, "speak.spoken": Spoken}


class CharacterTally:
    """The estimate, or as many characters as have been spoken if that is more."""

    def __init__(self, operation: Speak, estimate: float) -> None:
        self._used = estimate

    def add(self, event: Passed) -> None:
        known = event.decode(_TYPES) if isinstance(event, Encoded) else event
        if isinstance(known, (SpeakingSentence, Spoken)):
            self._used = max(self._used, known.characters)

    @property
    def used(self) -> float:
        return self._used


def estimated(operation: Speak) -> float:
    """Characters of the text; 0 for one that is still to come."""
    return len(operation.text or "")


COST = Cost(unit=UNIT, estimate=estimated, tally=CharacterTally)
