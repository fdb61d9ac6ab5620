"""`ReadingSession`: an open model that reads pages, whichever engine's it is."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ingle.capabilities.ocr.operation import (
    Ocr,
    OcrDocument,
    OcrPage,
    OcrProgress,
    WriteSearchablePdf,
    chosen_pages,
)
from ingle.engines.engine import Emit, Feed, LoadSpec, blob_path
from ingle.engines.reading import readable_document
from ingle.engines.reading.page_content import OpenDocument, PageContent
from ingle.engines.reading.page_reader import PageReader, Pixels
from ingle.engines.reading.page_text import page_of
from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.operations import Operation
from ingle.operations.events import Note
from ingle.pages.geometry import Box, bounds

WHITE = 255
MOST_BAD = 10
"""Pages in a row that cannot be read: then the document cannot."""


class ReadingSession:
    """See `ingle.engines.engine.Session`."""

    def __init__(self, spec: LoadSpec, reader: PageReader, facts: dict[str, Any]) -> None:
        self._spec = spec
        self._reader = reader
        self.facts: dict[str, Any] = facts

    def perform(self, operation: Operation, emit: Emit, feed: Feed | None = None) -> None:
        if isinstance(operation, Ocr):
            self._reader.check(operation.languages)
            path = blob_path(self._spec, operation.document)
            with readable_document.opened(path, operation) as document:
                DocumentReading(operation, document, self._reader, emit).perform()
        elif isinstance(operation, WriteSearchablePdf):
            from ingle.engines.reading.searchable_pdf import write_searchable

            path = blob_path(self._spec, operation.document)
            write_searchable(path, operation, feed or (), emit)
        else:
            raise CapabilityMissing(
                f"{self._spec.model} cannot {type(operation).__name__.lower()}",
                model=self._spec.model,
            )

    def close(self) -> None:
        self._reader.close()


class DocumentReading:
    """One document that is being read."""

    def __init__(
        self, operation: Ocr, document: OpenDocument, reader: PageReader, emit: Emit
    ) -> None:
        self._operation = operation
        self._document = document
        self._reader = reader
        self._emit = emit
        self._chosen = chosen_pages(operation.pages, document.pages)
        self._at = operation.skip
        self._good = operation.skip
        """Pages that could be read, as far as is known."""
        self._bad = 0
        """Pages in a row that could not be read."""

    def perform(self) -> None:
        """Emits everything, `OcrDocument` included.

        Raises:
            InvalidRequest: no page can be read, or many in a row cannot.
            Cancelled: as raised by ``emit``; nothing is computed any more.
        """
        for note in self._document.notes:
            self._tell(note)
        self._advance(0.0)
        for at in range(self._operation.skip, len(self._chosen)):
            self._at = at
            self._emit(self._read(self._chosen[at]))
        self._at = len(self._chosen)
        self._advance(0.0)
        self._emit(
            OcrDocument(
                pages=len(self._chosen),
                read=max(0, len(self._chosen) - self._operation.skip),
                kind=self._document.kind,
            )
        )

    def _advance(self, fraction: float) -> None:
        self._emit(
            OcrProgress(pages=self._at, total=len(self._chosen), fraction=round(fraction, 3))
        )

    def _tell(self, note: str) -> None:
        self._emit(Note(code="left_out", message=note, field="document"))

    def _read(self, number: int) -> OcrPage:
        """A page; one without text where it cannot be read, and that is told."""
        try:
            page = self._readable(number)
        except InvalidRequest as error:
            self._bad += 1
            last = self._at + 1 == len(self._chosen)
            if self._bad >= MOST_BAD or (last and not self._good):
                self._give_up(number, error)
            self._tell(f"page {number} cannot be read: {error.message}")
            return OcrPage(number=number, width=0, height=0)
        self._bad = 0
        self._good += 1
        return page

    def _give_up(self, number: int, error: InvalidRequest) -> NoReturn:
        if self._bad == 1:
            raise error
        raise InvalidRequest(
            f"{self._bad} pages in a row cannot be read, the last one being page {number}: "
            f"{error.message}",
            hint=error.hint,
            **error.details,
        ) from None

    def _readable(self, number: int) -> OcrPage:
        content = self._document.page(number, self._advance)
        for note in content.notes:
            self._tell(f"page {number}: {note}")
        lines = list(content.lines)
        if content.picture is not None:
            picture = _only(content.picture, content)
            found = self._reader.read(picture, self._operation.languages, self._advance)
            lines += [line for line in found if not _is_there(bounds(line.polygon), content)]
        page, left_out = page_of(number, content, lines)
        if left_out:
            self._tell(f"page {number}: {left_out} words beyond the limit of a page are left out")
        return page


def _only(picture: Pixels, content: PageContent) -> Pixels:
    """A picture with what is not to be read painted over."""
    if not content.places:
        return picture
    height, width = picture.shape[:2]
    painted = np.full_like(picture, WHITE)
    for place in content.places:
        left, top = max(0, int(place.left)), max(0, int(place.top))
        right, bottom = min(width, round(place.right)), min(height, round(place.bottom))
        painted[top:bottom, left:right] = picture[top:bottom, left:right]
    return painted


def _is_there(box: Box, content: PageContent) -> bool:
    """A line that was found in a picture is there as text as well."""
    area = max(1.0, box.width * box.height)
    for line in content.lines:
        other = bounds(line.polygon)
        common = max(0.0, box.overlap_x(other)) * max(0.0, box.overlap_y(other))
        if common > 0.3 * min(area, max(1.0, other.width * other.height)):
            return True
    return False
