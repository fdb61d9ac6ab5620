"""Ocr: an image or a PDF in, the text of its pages out, with places."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations.blob import Blob
from ingle.operations.events import ModelResult
from ingle.operations.guest_rules import Costless, Overruled, Tallied
from ingle.operations.operation import Event, KeepAlive, ModelOperation, Piece

MOST_PAGES = 100_000
MOST_LANGUAGES = 16
LOWEST_DPI, HIGHEST_DPI = 50, 600
USUAL_DPI = 200
_RANGES = re.compile(r"(\d{1,6}(-(\d{1,6})?)?)(,\d{1,6}(-(\d{1,6})?)?)*\Z")
_COUNTED = "pages are counted, whatever is read on them"

Polygon = tuple[int, int, int, int, int, int, int, int]
"""Four corners as x, y, x, y, ... in pixels of the page, clockwise from where the text begins at
its top."""
TextLayer = Literal["auto", "never", "only"]


class Ocr(ModelOperation, frozen=True, kw_only=True, tag="ocr"):
    """Read the text of an image (also of several pages: TIFF) or a PDF.

    Events: an `OcrProgress` as soon as it is known how many pages there are and between pages, an
    `OcrPage` for each page as soon as it is read, in the order of the document, then one
    `OcrDocument`.
    """

    document: Annotated[Blob, Tallied()]
    pages: Annotated[Annotated[str, msgspec.Meta(max_length=1024)], Tallied()] = ""
    """Which ones, from 1, as ``1-3,7,9-``; empty: all."""
    skip: Annotated[
        Annotated[int, msgspec.Meta(ge=0, le=MOST_PAGES)], Costless("what is left out is not read")
    ] = 0
    """Of these, how many at the beginning are left out, as when the rest is asked for."""
    languages: Annotated[
        Annotated[
            list[Annotated[str, msgspec.Meta(pattern="^[A-Za-z]{2,8}([_-][A-Za-z]{2,8})*$")]],
            msgspec.Meta(max_length=MOST_LANGUAGES),
        ],
        Costless(_COUNTED),
    ] = []
    """Codes of those that are expected, such as ``en`` or ``deu``; empty: as the model chooses."""
    text_layer: Annotated[TextLayer, Costless(_COUNTED)] = "auto"
    """Of PDFs. ``auto``: text that is there as text is taken where it is sound, pictures of text
    are read; ``never``: every page is read as a picture; ``only``: nothing is read as a picture."""
    dpi: Annotated[
        Annotated[int, msgspec.Meta(ge=LOWEST_DPI, le=HIGHEST_DPI)],
        Costless("a page has a limit of pixels, whatever its resolution"),
    ] = USUAL_DPI
    """At which a PDF's pages are drawn: the pixels that places are told in."""
    password: Annotated[Annotated[str, msgspec.Meta(max_length=256)], Costless("a key")] = ""
    """Of an encrypted PDF."""
    keep_alive: Annotated[KeepAlive | None, Overruled(None)] = None

    def check(self) -> None:
        if self.pages and not _RANGES.match(self.pages):
            raise InvalidRequest(
                f"pages: {self.pages!r} is not a list of pages such as 1-3,7,9-", field="pages"
            )


class OcrWord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One word and where it stands."""

    text: str
    polygon: Polygon
    confidence: float = 1.0
    """0 to 1."""


class OcrLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of text, or what of a line stands in one column or cell."""

    text: str
    polygon: Polygon
    confidence: float = 1.0
    embedded: bool = False
    """It was in the document as text already."""
    words: list[OcrWord] = []


class OcrCell(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A cell of a table."""

    row: int
    column: int
    lines: list[OcrLine]


class OcrBlock(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is read together: a paragraph, a heading, or a table."""

    kind: Literal["text", "table"] = "text"
    lines: list[OcrLine] = []
    """In the order in which they are read; of a table row by row, all of its cells' lines."""
    cells: list[OcrCell] = []
    """Of a table; those that are empty are left out."""


class OcrPage(Event, frozen=True, kw_only=True, tag="ocr.page"):
    """A page that was read."""

    piece = True

    number: int
    """In its document, from 1."""
    width: int
    height: int
    """Pixels. Of an image, as its camera says that it is to be seen (EXIF)."""
    dpi: int = 0
    """Pixels per inch, of a PDF's page or where an image says it; 0: not known."""
    angle: float = 0.0
    """Degrees by which the text is turned clockwise, 0 to 360."""
    source: Literal["image", "text", "both"] = "image"
    """``text``: it was there as text already; ``both``: some of it."""
    blocks: list[OcrBlock] = []
    """In the order in which they are read."""

    @property
    def lines(self) -> list[OcrLine]:
        """All lines in the order in which they are read."""
        return [line for block in self.blocks for line in block.lines]

    @property
    def confidence(self) -> float:
        """Mean of its lines', by their length; 0: it has no text."""
        letters = [(len(line.text), line.confidence) for line in self.lines]
        total = sum(length for length, _ in letters)
        return sum(length * value for length, value in letters) / total if total else 0.0


class OcrProgress(Event, frozen=True, kw_only=True, tag="ocr.progress"):
    """How far it is."""

    pages: int
    """Read so far, those that were skipped included."""
    total: int = 0
    """Of those that were asked for; 0: not known."""
    fraction: float = 0.0
    """Of the next page, how much is read."""


class OcrDocument(ModelResult, frozen=True, kw_only=True, tag="ocr.document"):
    """All pages were read."""

    pages: int
    """That were asked for."""
    read: int
    """Of these, those that this node read: what is counted."""
    kind: str = ""
    """What the document is: ``pdf``, or the image's format, such as ``jpeg``."""


class RecognisedPage(Piece, frozen=True, kw_only=True, tag="ocr.recognised"):
    """A page as `Ocr` told it, sent into `WriteSearchablePdf`."""

    page: OcrPage


class WriteSearchablePdf(ModelOperation, frozen=True, kw_only=True, tag="ocr.pdf"):
    """Make a PDF of a document and of its pages, which are sent in as `RecognisedPage` in order.

    A PDF keeps its pages as they are, with the text that was read put over them, invisible, each
    word at its place; images become pages. Pages that were not read are left out.

    Events: `PdfBytes`, whose ``data`` in a row are the file; then one `PdfWritten`.
    """

    document: Annotated[Blob, Tallied()]
    password: Annotated[Annotated[str, msgspec.Meta(max_length=256)], Costless("a key")] = ""
    keep_alive: Annotated[KeepAlive | None, Overruled(None)] = None


class PdfBytes(Event, frozen=True, kw_only=True, tag="ocr.pdf_bytes"):
    """The next bytes of a PDF."""

    piece = True

    data: bytes


class PdfWritten(ModelResult, frozen=True, kw_only=True, tag="ocr.pdf_written"):
    """The PDF is complete."""

    pages: int
    size: int
    """Bytes."""


def chosen_pages(pages: str, total: int) -> list[int]:
    """The numbers, from 1, of the pages that are meant, in their order and each once.

    Raises:
        InvalidRequest: the document has none of them.
    """
    if not pages:
        return list(range(1, total + 1))
    chosen: set[int] = set()
    for part in pages.split(","):
        first, dash, last = part.partition("-")
        start, end = int(first), min(int(last or total) if dash else int(first), total)
        chosen.update(range(max(start, 1), end + 1))
    if not chosen:
        raise InvalidRequest(
            f"pages: the document has {total} page{'s' if total != 1 else ''}, and none of {pages}",
            field="pages",
            total=total,
        )
    return sorted(chosen)
