"""Blocks of Word, PowerPoint and Excel files (Office Open XML, ECMA-376)."""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Iterator
from typing import Any

from ingle.capabilities.extract.operation import Block
from ingle.documents.document_file import DocumentFile
from ingle.documents.markdown_tables import as_markdown
from ingle.documents.zip_bounds import check_zip
from ingle.errors import EngineMissing, InvalidRequest

ROWS = 20
"""Of a block of a sheet."""
_HEADING = re.compile(r"(?:Heading|Title)\s*(\d?)", re.IGNORECASE)


def word(document: DocumentFile) -> Iterator[Block]:
    """A ``.docx``: headings, paragraphs, lists and tables in their order."""
    opened = _opened("docx", "Document", document)
    from docx.table import Table

    # By the elements: `Paragraph.style` looks through all styles for each paragraph.
    styles = {style.style_id: style.name or "" for style in opened.styles}
    for part in opened.element.body.iterchildren():
        kind = part.tag.rpartition("}")[2]
        if kind == "tbl":
            rows = Table(part, opened).rows
            yield from _table([[cell.text for cell in row.cells] for row in rows])
        elif kind == "p" and (text := part.text.strip()):
            style = styles.get(part.style or "", "")
            if found := _HEADING.match(style):
                yield Block(kind="heading", text=text, level=min(6, int(found[1] or 1)))
            elif style.startswith("List"):
                yield Block(kind="list", text=f"- {text}")
            else:
                yield Block(text=text)


def slides(document: DocumentFile) -> Iterator[Block]:
    """A ``.pptx``: each slide is a page under its title, with its notes."""
    for number, slide in enumerate(_opened("pptx", "Presentation", document).slides, 1):
        title = slide.shapes.title
        heading = " ".join(title.text_frame.text.split()) if title is not None else ""
        yield Block(kind="heading", text=heading or f"Slide {number}", level=1, page=number)
        for shape in slide.shapes:
            if title is not None and shape.shape_id == title.shape_id:
                continue
            if shape.has_text_frame and (text := shape.text_frame.text.strip()):
                yield Block(text=text, page=number)
            elif shape.has_table:
                rows = [[cell.text for cell in row.cells] for row in shape.table.rows]
                yield from _table(rows, number)
        if slide.has_notes_slide and (text := slide.notes_slide.notes_text_frame.text.strip()):
            yield Block(text=text, page=number)


def sheets(document: DocumentFile) -> Iterator[Block]:
    """An ``.xlsx``: each sheet is a heading and tables of some rows beneath its first one."""
    book = _opened("openpyxl", "load_workbook", document, read_only=True, data_only=True)
    try:
        for sheet in book.worksheets:
            yield Block(kind="heading", text=sheet.title, level=1)
            yield from _sheet(sheet)
    finally:
        book.close()


def _sheet(sheet: Any) -> Iterator[Block]:
    heading: list[str] | None = None
    held: list[list[str]] = []
    for row in sheet.iter_rows(values_only=True):
        cells = ["" if value is None else str(value) for value in row]
        if not any(cells):
            continue
        if heading is None:
            heading = cells
            continue
        held.append(cells)
        if len(held) == ROWS:
            yield from _table([heading, *held])
            held = []
    if heading is not None and (held or sheet.max_row == 1):
        yield from _table([heading, *held])


def _table(rows: list[list[str]], page: int = 0) -> Iterator[Block]:
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if rows:
        yield Block(kind="table", text=as_markdown(rows), page=page)


def _opened(library: str, function: str, document: DocumentFile, **options: Any) -> Any:
    """What a library opens a file as.

    Raises:
        EngineMissing: it is not installed.
        InvalidRequest: it refuses the file.
    """
    check_zip(document)
    try:
        module = importlib.import_module(library)
    except ImportError:
        raise EngineMissing(
            f"office files are read by {library}, which is not installed",
            hint="pip install 'ingle[collections]'",
        ) from None
    try:
        # By its bytes: these libraries look at the ending of a name, and the file here has none.
        return getattr(module, function)(io.BytesIO(document.path.read_bytes()), **options)
    except Exception as error:  # each library has its own, some of lxml's, without a common one
        raise InvalidRequest(
            f"{document.name} is damaged, or not what its name says: {error}"
        ) from None
