"""PDFs by PDFium: the text that is in them, and their pages drawn where there are only pictures.

Runs in workers only. PDFium computes for one thread at a time, so all calls hold a lock.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pypdfium2.raw as raw

from ingle.capabilities.ocr.operation import MOST_PAGES, Ocr, OcrLine
from ingle.engines.reading.page_content import PageContent
from ingle.engines.reading.page_reader import Advance, Pixels
from ingle.engines.reading.pdf_text import PageSpace, text_lines
from ingle.errors import InvalidRequest
from ingle.pages.geometry import Box, bounds, union

POINTS = 72
"""Of an inch."""
LONGEST_SIDE = 5_000
"""Pixels of a drawn page, whatever its size: larger ones are drawn at fewer dots per inch."""
SLICE_S, MOST_S = 0.1, 60.0
"""Drawing pauses so often, to see whether anyone still waits for it, and ends after so long."""
SMALLEST_PICTURE = 24
"""Pixels of a side: what is smaller is an ornament."""
COVERED_LINES, COVERED = 5, 0.3
"""A picture with so many lines of text over it, or over so much of its height, has been read."""
_PASSWORD = 4
_LOCK = threading.Lock()


class PdfFile:
    """A PDF as a document: see `ingle.engines.reading.readable_document.OpenDocument`.

    Raises:
        InvalidRequest: it is damaged, encrypted, or has no pages, or too many.
    """

    kind = "pdf"

    def __init__(self, path: Path, operation: Ocr) -> None:
        self.notes: list[str] = []
        self._name = operation.document.name or "the document"
        self._mode = operation.text_layer
        self._dpi = operation.dpi
        with _LOCK:
            self._document = self._opened(path, operation.password)
            self.pages = len(self._document)
            if not 0 < self.pages <= MOST_PAGES:
                self._document.close()
                raise self._refused(
                    f"it says it has {self.pages} pages; 1 to {MOST_PAGES} are read"
                )
            # Without it, what is filled into a form is not drawn.
            with contextlib.suppress(pypdfium2.PdfiumError):
                self._document.init_forms()

    def page(self, number: int, advance: Advance) -> PageContent:
        advance(0.0)
        with _LOCK, contextlib.ExitStack() as held:
            try:
                page = self._document[number - 1]
                held.callback(page.close)
                return self._content(page, advance)
            except pypdfium2.PdfiumError as error:
                raise self._refused(f"it is damaged ({error})") from None

    def close(self) -> None:
        with _LOCK:
            self._document.close()

    def _opened(self, path: Path, password: str) -> Any:
        try:
            return pypdfium2.PdfDocument(path, password=password or None)
        except pypdfium2.PdfiumError as error:
            if getattr(error, "err_code", None) == _PASSWORD or "assword" in str(error):
                why = "the password is wrong" if password else "it is encrypted"
                raise self._refused(why, hint="ingle ocr FILE --password ...") from None
            raise self._refused(f"it is damaged or was cut off ({error})") from None

    def _content(self, page: Any, advance: Advance) -> PageContent:
        points = page.get_size()
        if not all(0 < side < 1e6 for side in points):
            raise self._refused(f"it has {points[0]:g}x{points[1]:g} points")
        scale = min(self._dpi / POINTS, LONGEST_SIDE / max(points))
        width, height = (max(1, round(side * scale)) for side in points)
        space = PageSpace(page, width, height)
        notes: list[str] = []
        lines: Sequence[OcrLine] = ()
        if self._mode != "never":
            lines, fault = text_lines(page, space)
            notes += [fault] if fault else []
        places = _pictures(page, space, lines)
        picture = None
        if self._mode != "only" and (not lines or places):
            picture = self._drawn(page, width, height, advance)
        return PageContent(
            width, height, round(POINTS * scale), lines, picture, places if lines else (), notes
        )

    def _drawn(self, page: Any, width: int, height: int, advance: Advance) -> Pixels:
        """A page as pixels. PDFium draws in slices, so that a page without an end has one."""
        bitmap = pypdfium2.PdfBitmap.new_native(width, height, raw.FPDFBitmap_BGR)
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
        pause = _Pause()
        began = time.monotonic()
        status = raw.FPDF_RenderPageBitmap_Start(
            bitmap, page, 0, 0, width, height, 0, raw.FPDF_ANNOT, pause.asked
        )
        try:
            while status == raw.FPDF_RENDER_TOBECONTINUED:
                advance(0.0)
                if time.monotonic() - began > MOST_S:
                    raise self._refused(f"drawing it takes more than {MOST_S:.0f} s")
                pause.over()
                status = raw.FPDF_RenderPage_Continue(page, pause.asked)
        finally:
            raw.FPDF_RenderPage_Close(page)
        if status != raw.FPDF_RENDER_DONE:
            raise self._refused("it cannot be drawn")
        if self._document.formenv is not None:
            raw.FPDF_FFLDraw(
                self._document.formenv, bitmap, page, 0, 0, width, height, 0, raw.FPDF_ANNOT
            )
        picture: Pixels = np.ascontiguousarray(bitmap.to_numpy()[:, :, ::-1])
        bitmap.close()
        return picture

    def _refused(self, why: str, hint: str = "") -> InvalidRequest:
        return InvalidRequest(f"{self._name}: {why}", hint=hint, field="document")


class _Pause:
    """Has PDFium pause in its work from time to time."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self.asked = raw.IFSDK_PAUSE(version=1)
        kind = type(self.asked.NeedToPauseNow)
        # Kept, since PDFium calls it as long as it draws.
        self._callback = kind(lambda _: int(time.monotonic() - self._since > SLICE_S))
        self.asked.NeedToPauseNow = self._callback

    def over(self) -> None:
        """It is to work again."""
        self._since = time.monotonic()


def _pictures(page: Any, space: PageSpace, lines: Sequence[OcrLine]) -> list[Box]:
    """Where pictures lie that may have text in them which is not there as text."""
    return [
        box
        for box in _picture_boxes(page, space)
        if min(box.width, box.height) >= SMALLEST_PICTURE and not _covered(box, lines)
    ]


def _picture_boxes(page: Any, space: PageSpace) -> Iterator[Box]:
    for found in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=4):
        left, bottom, right, top = found.get_bounds()
        yield space.box(left, bottom, right, top)


def _covered(box: Box, lines: Sequence[OcrLine]) -> bool:
    over = [
        other
        for line in lines
        for other in (bounds(line.polygon),)
        if box.left <= other.middle[0] <= box.right and box.top <= other.middle[1] <= box.bottom
    ]
    if len(over) >= COVERED_LINES:
        return True
    return bool(over) and union(over).height >= COVERED * box.height
