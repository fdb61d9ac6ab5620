"""What reading a document costs: its bytes."""

from __future__ import annotations

from ingle.capabilities.extract.operation import Extract
from ingle.operations.capability import Cost
from ingle.operations.encoded import Passed


class DocumentTally:
    """The size of the file, whatever is in it."""

    def __init__(self, _: Extract, estimate: float) -> None:
        self._used = estimate

    def add(self, event: Passed) -> None:
        """Nothing that comes back changes it."""

    @property
    def used(self) -> float:
        return self._used


def estimated(operation: Extract) -> float:
    """Bytes of the document."""
    return float(operation.document.size)


COST = Cost(unit="document_bytes", estimate=estimated, tally=DocumentTally)
