"""What asking a collection costs: tokens of the question, of the passages and of the answer."""

from __future__ import annotations

import msgspec

from ingle.capabilities.collections.operation import (
    AskCollection,
    CollectionAnswer,
    SearchResults,
)
from ingle.operations.capability import Cost
from ingle.operations.encoded import Encoded, Passed
from ingle.operations.events import Text
from ingle.operations.operation import Event
from ingle.operations.tokens import BYTES_PER_TOKEN, UNIT, estimated

_TYPES: dict[str, type[Event]] = {
    str(kind.__struct_config__.tag): kind for kind in (SearchResults, CollectionAnswer, Text)
}


class AskTally:
    """The question, the passages once they are shown, a token for each piece of the answer; then
    what the model has counted.

    Args:
        prompt: estimated tokens of the question.
    """

    def __init__(self, prompt: float) -> None:
        self.used = prompt

    def add(self, event: Passed) -> None:
        """An event passes."""
        known = event.decode(_TYPES) if isinstance(event, Encoded) else event
        match known:
            case SearchResults(results=results):
                size = sum(len(result.text.encode()) for result in results)
                self.used += size // BYTES_PER_TOKEN
            case Text():
                self.used += 1
            case CollectionAnswer(usage=usage) if usage.total_tokens:
                self.used = usage.total_tokens


def _bounded(operation: AskCollection, most: int | None) -> AskCollection:
    return operation if most is None else msgspec.structs.replace(operation, max_tokens=most)


COST = Cost(
    unit=UNIT,
    estimate=estimated,
    tally=lambda _, prompt: AskTally(prompt),
    answer=lambda operation: operation.max_tokens,
    bounded=_bounded,
)
