"""A document's answer: the next node continues behind the last page that has come."""

from __future__ import annotations

import msgspec

from ingle.capabilities.ocr.operation import Ocr, WriteSearchablePdf
from ingle.operations.encoded import Passed, size
from ingle.operations.resumable_answer import PIECE_BYTES, ResumableAnswer


class OcrAnswer(ResumableAnswer[Ocr | WriteSearchablePdf]):
    """Pages that were received stay; the rest is asked for."""

    def __init__(self, operation: Ocr | WriteSearchablePdf) -> None:
        super().__init__(operation)
        self._pages = 0

    def remember(self, name: str, event: Passed) -> None:
        if name == "ocr.progress":
            return
        super().remember(name, event)
        if name == "ocr.page":
            self.expect(size(event) <= PIECE_BYTES, "sent a piece over the limit")
            self._pages += 1

    def rest(self) -> Ocr | WriteSearchablePdf | None:
        if not self.anything:
            return self.operation
        if not isinstance(self.operation, Ocr):
            return None  # the pages that were sent in are gone
        return msgspec.structs.replace(self.operation, skip=self.operation.skip + self._pages)
