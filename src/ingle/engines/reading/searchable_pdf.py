"""PDFs in which text can be found: the pages as they are, with the words over them, invisible.

A PDF is changed by qpdf (pikepdf), which keeps all else that is in it; images become pages.
Runs in workers only.
"""

from __future__ import annotations

import contextlib
import io
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf
from PIL import Image

from ingle.capabilities.ocr.operation import (
    OcrPage,
    OcrProgress,
    PdfBytes,
    PdfWritten,
    RecognisedPage,
    WriteSearchablePdf,
)
from ingle.engines.engine import Emit
from ingle.engines.reading.invisible_text import InvisibleFonts, PageFrame, text_operators
from ingle.engines.reading.readable_document import is_pdf
from ingle.errors import InvalidRequest
from ingle.operations.events import Note
from ingle.operations.operation import Piece
from ingle.pictures.decode import PictureFile
from ingle.pictures.decode import opened as opened_pictures

POINTS = 72
USUAL_DPI = 150
"""Of images that do not say how large they are."""
LARGEST_SIDE = 14_400.0
"""Points of a page, by the PDF standard's limits."""
MOST_BYTES = 1 << 30
"""Of the images of one PDF."""
LARGEST_PIECE = 1 << 18
MOST_PARENTS = 64
QUALITY = 90
_LOSSY = frozenset({"JPEG", "MPO", "WEBP", "HEIF", "AVIF"})


def write_searchable(
    path: Path, operation: WriteSearchablePdf, feed: Iterable[Piece], emit: Emit
) -> None:
    """Emits the PDF and `PdfWritten`.

    Raises:
        InvalidRequest: the document is damaged or encrypted, or a page is not one of its own.
        Cancelled: as raised by ``emit``.
    """
    name = operation.document.name or "the document"
    pages = (piece.page for piece in feed if isinstance(piece, RecognisedPage))
    if is_pdf(path):
        written = _over_pdf(path, name, operation.password, pages, emit)
    else:
        written = _of_images(path, name, pages, emit)
    with written as pdf:
        data = io.BytesIO()
        pdf.save(data)
        count = len(pdf.pages)
    whole = data.getbuffer()
    for at in range(0, len(whole), LARGEST_PIECE):
        emit(PdfBytes(data=bytes(whole[at : at + LARGEST_PIECE])))
    emit(PdfWritten(pages=count, size=len(whole)))


def _over_pdf(
    path: Path, name: str, password: str, pages: Iterator[OcrPage], emit: Emit
) -> pikepdf.Pdf:
    try:
        pdf = pikepdf.open(path, password=password)
    except pikepdf.PasswordError:
        why = "the password is wrong" if password else "it is encrypted"
        raise _refused(name, why, "ingle ocr FILE -f pdf --password ...") from None
    except pikepdf.PdfError as error:
        raise _refused(name, f"it is damaged or was cut off ({error})") from None
    with _closed_on_error(pdf):
        if pdf.is_encrypted:
            message = "the PDF is written without its encryption"
            emit(Note(code="left_out", message=message, field="document"))
        fonts = InvisibleFonts(pdf)
        for done, page in enumerate(pages):
            emit(OcrProgress(pages=done))
            if not 1 <= page.number <= len(pdf.pages):
                raise _refused(name, f"it has no page {page.number}")
            try:
                _put_over(pdf, pdf.pages[page.number - 1], page, fonts)
            except pikepdf.PdfError as error:
                raise _refused(name, f"page {page.number} is damaged ({error})") from None
        fonts.close()
    return pdf


def _put_over(pdf: pikepdf.Pdf, target: Any, page: OcrPage, fonts: InvisibleFonts) -> None:
    edges = [float(edge) for edge in target.cropbox]
    frame = PageFrame((*edges,), _rotation(target.obj))
    content = text_operators(page, frame, fonts, target)
    if content:
        # The page's own state of graphics must not reach what is put over it.
        target.contents_add(pikepdf.Stream(pdf, b"q\n"), prepend=True)
        target.contents_add(pikepdf.Stream(pdf, b"\nQ\n" + content))


def _rotation(page: Any) -> int:
    """Degrees by which a page is shown turned clockwise; where it does not say, its parents may."""
    for _ in range(MOST_PARENTS):
        if "/Rotate" in page:
            return round(float(page.Rotate)) % 360
        if "/Parent" not in page:
            break
        page = page.Parent
    return 0


def _of_images(path: Path, name: str, pages: Iterator[OcrPage], emit: Emit) -> pikepdf.Pdf:
    pdf = pikepdf.new()
    with _closed_on_error(pdf), opened_pictures(path, name) as file:
        fonts = InvisibleFonts(pdf)
        total = 0
        for done, page in enumerate(pages):
            emit(OcrProgress(pages=done))
            if not page.width:
                continue  # it could not be read, and is no picture
            image = _image(pdf, path, file, page.number)
            total += len(image.read_raw_bytes())
            if total > MOST_BYTES:
                raise _refused(name, f"its images have more than {MOST_BYTES >> 20} MiB together")
            dpi = page.dpi or USUAL_DPI
            width, height = (side * POINTS / dpi for side in (page.width, page.height))
            shrink = min(1.0, LARGEST_SIDE / max(width, height))
            width, height = round(width * shrink, 3), round(height * shrink, 3)
            pdf.add_blank_page(page_size=(width, height))
            target = pdf.pages[-1]
            shown = target.add_resource(image, pikepdf.Name.XObject)
            content = text_operators(page, PageFrame((0.0, 0.0, width, height), 0), fonts, target)
            draw = f"q {width} 0 0 {height} 0 0 cm {shown} Do Q\n".encode()
            target.Contents = pikepdf.Stream(pdf, draw + content)
        fonts.close()
        if not pdf.pages:
            raise _refused(name, "no page was read")
    return pdf


def _image(pdf: pikepdf.Pdf, path: Path, file: PictureFile, number: int) -> pikepdf.Stream:
    """An image as PDFs hold it: photos as JPEG, all else without a loss."""
    picture = file.page(number - 1)
    if file.format not in _LOSSY:
        return _lossless(pdf, picture)
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=QUALITY)
    return pikepdf.Stream(
        pdf, data.getvalue(), **_described(picture, "DeviceRGB", 8), Filter=pikepdf.Name.DCTDecode
    )


def _lossless(pdf: pikepdf.Pdf, picture: Image.Image) -> pikepdf.Stream:
    pixels = np.asarray(picture)
    space, bits = "DeviceRGB", 8
    if (pixels[:, :, 0] == pixels[:, :, 1]).all() and (pixels[:, :, 0] == pixels[:, :, 2]).all():
        space, pixels = "DeviceGray", pixels[:, :, 0]
        if ((pixels == 0) | (pixels == 255)).all():
            bits, pixels = 1, np.packbits(pixels > 0, axis=1)
    data = zlib.compress(pixels.tobytes())
    return pikepdf.Stream(
        pdf, data, **_described(picture, space, bits), Filter=pikepdf.Name.FlateDecode
    )


def _described(picture: Image.Image, space: str, bits: int) -> dict[str, Any]:
    return {
        "Type": pikepdf.Name.XObject,
        "Subtype": pikepdf.Name.Image,
        "Width": picture.width,
        "Height": picture.height,
        "ColorSpace": pikepdf.Name(f"/{space}"),
        "BitsPerComponent": bits,
    }


@contextlib.contextmanager
def _closed_on_error(pdf: pikepdf.Pdf) -> Iterator[None]:
    try:
        yield
    except BaseException:
        pdf.close()
        raise


def _refused(name: str, why: str, hint: str = "") -> InvalidRequest:
    return InvalidRequest(f"{name}: {why}", hint=hint, field="document")
