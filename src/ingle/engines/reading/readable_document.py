"""Documents: what their bytes say they are, and their pages one by one, in bounded memory.

Runs in workers only: files of strangers are read here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ingle.capabilities.ocr.operation import Ocr
from ingle.engines.reading.page_content import OpenDocument, PageContent
from ingle.engines.reading.page_reader import Advance
from ingle.errors import InvalidRequest
from ingle.pictures.decode import PictureFile
from ingle.pictures.decode import opened as opened_pictures

_PDF = b"%PDF-"
SNIFFED = 1024
"""Bytes at whose beginning a PDF may have other things, as readers of PDFs allow."""


class PictureDocument:
    """A file of images as a document: see `OpenDocument`."""

    def __init__(self, file: PictureFile) -> None:
        self._file = file
        self.kind = file.format.lower()
        # The other pictures of a photo are previews, and frames of an animation are no pages.
        self.pages = file.pages if file.format == "TIFF" else 1
        self.notes = (
            [f"of the {file.pages} frames of the animation the first one is read"]
            if file.animated
            else []
        )

    def page(self, number: int, advance: Advance) -> PageContent:
        advance(0.0)
        image = self._file.page(number - 1)
        # A resolution without a unit is a guess of the format's, such as 1 by 1.
        dots = self._file.dots_per_inch or 0
        dpi = round(dots) if dots >= 36 else 0
        return PageContent(image.width, image.height, dpi, picture=np.asarray(image))

    def close(self) -> None:
        """The file is closed by whoever opened it."""


@contextlib.contextmanager
def opened(path: Path, operation: Ocr) -> Iterator[OpenDocument]:
    """The document in a file; its bytes decide what it is, not its name.

    Raises:
        InvalidRequest: it is empty, or neither a PDF nor an image; damaged, encrypted, too large.
    """
    name = operation.document.name
    if is_pdf(path):
        from ingle.engines.reading.pdf_document import PdfFile

        with contextlib.closing(PdfFile(path, operation)) as document:
            yield document
        return
    refuse_text(path, name)
    with opened_pictures(path, name or "the document") as file:
        yield PictureDocument(file)


def is_pdf(path: Path) -> bool:
    """It begins as PDFs do."""
    with path.open("rb") as file:
        return _PDF in file.read(SNIFFED + len(_PDF))


def refuse_text(path: Path, name: str) -> None:
    """Raises InvalidRequest: the file is text already, whatever its name says."""
    with path.open("rb") as file:
        start = file.read(SNIFFED)
    if not start or start.startswith((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6")):
        return
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if len(start) < SNIFFED or error.start < SNIFFED - 4:
            return
        text = start[: error.start].decode()
    if all(letter.isprintable() or letter.isspace() for letter in text):
        raise InvalidRequest(
            f"{name or 'the document'} is a text file, not an image or a PDF",
            hint="give a PDF, PNG, JPEG, WebP, TIFF, GIF, BMP or HEIC file",
            field="document",
        )
