"""What reading costs: pages."""

from __future__ import annotations

from ingle.capabilities.ocr.operation import Ocr, OcrDocument, OcrPage, WriteSearchablePdf
from ingle.operations.capability import Cost
from ingle.operations.encoded import Encoded, Passed
from ingle.operations.operation import Event

UNIT = "pages"
_TYPES: dict[str, type[Event]] = {"ocr.page": OcrPage, "ocr.document": OcrDocument}
_LEAST = 1.0
"""Pages of a document, before it is looked into."""


class PageTally:
    """The pages that have been read; at least one."""

    def __init__(self, operation: Ocr | WriteSearchablePdf, estimate: float) -> None:
        self._used = estimate
        self._pages = 0

    def add(self, event: Passed) -> None:
        known = event.decode(_TYPES) if isinstance(event, Encoded) else event
        if isinstance(known, OcrPage):
            self._pages += 1
            self._used = max(self._used, self._pages)

    @property
    def used(self) -> float:
        return self._used


def estimated(operation: Ocr | WriteSearchablePdf) -> float | None:
    """One page. What makes a PDF of pages that were counted when they were read counts no more."""
    return None if isinstance(operation, WriteSearchablePdf) else _LEAST


COST = Cost(unit=UNIT, estimate=estimated, tally=PageTally)
