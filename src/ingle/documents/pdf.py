"""Blocks of a PDF's own text, page by page, under the headings of its outline."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

from ingle.capabilities.extract.operation import Block
from ingle.documents.document_file import DocumentFile
from ingle.errors import EngineMissing, InvalidRequest

_HYPHEN = re.compile(r"(?<=\w)[\u00ad\ufffe\x02]\s*|(?<=[a-z])-\n(?=[a-z])")
_HYPHENS = ("\u00ad", "\ufffe", "\x02", "-\n")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
DEEPEST = 6
ENTRIES = 10_000
"""Of an outline; what follows is left out."""


def blocks(document: DocumentFile) -> Iterator[Block]:
    """Headings where the outline has them, and the paragraphs of each page.

    A page without text of its own is a block without text.

    Raises:
        InvalidRequest: it is damaged, encrypted, or not a PDF.
        EngineMissing: the library that reads it is not installed.
    """
    try:
        import pypdfium2
    except ImportError:
        raise EngineMissing(
            "PDFs are read by pypdfium2, which is not installed",
            hint="pip install 'ingle[collections]'",
        ) from None
    try:
        pages = pypdfium2.PdfDocument(document.path)
    except pypdfium2.PdfiumError as error:
        raise InvalidRequest(_why(document.name, str(error))) from None
    try:
        headings = _outline(pages)
        for number in range(len(pages)):
            yield from headings.get(number, ())
            yield from _page(pages, number, document.name)
    finally:
        pages.close()


def _page(pages: Any, number: int, name: str) -> Iterator[Block]:
    import pypdfium2

    try:
        page = pages[number]
        try:
            text_page = page.get_textpage()
            try:
                text = text_page.get_text_bounded()
            finally:
                text_page.close()
        finally:
            page.close()
    except pypdfium2.PdfiumError as error:
        raise InvalidRequest(f"{name}: page {number + 1} is damaged ({error})") from None
    empty = True
    for paragraph in paragraphs(text):
        empty = False
        yield Block(text=paragraph, page=number + 1)
    if empty:
        yield Block(text="", page=number + 1)


def paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a page: lines are joined where one is full and no sentence ends."""
    whole = text.replace("\r\n", "\n").replace("\r", "\n")
    if any(mark in whole for mark in _HYPHENS):  # the expression looks at each character
        whole = _HYPHEN.sub("", whole)
    whole = _CONTROL.sub("", whole)
    rows = [row.strip() for row in whole.split("\n")]
    full = 0.75 * max(map(len, rows), default=0)
    held: list[str] = []
    for row in rows:
        if not row:
            if held:
                yield " ".join(held)
            held = []
            continue
        held.append(row)
        if len(row) < full and row[-1:] in ".!?:":
            yield " ".join(held)
            held = []
    if held:
        yield " ".join(held)


def _outline(pages: Any) -> dict[int, list[Block]]:
    """The headings of each page."""
    found: dict[int, list[Block]] = {}
    for entry in itertools.islice(pages.get_toc(max_depth=DEEPEST), ENTRIES):
        destination = entry.get_dest()
        page = destination.get_index() if destination is not None else None
        title = " ".join(_CONTROL.sub("", entry.get_title() or "").split())
        if page is not None and title:
            level = min(entry.level + 1, DEEPEST)
            found.setdefault(page, []).append(
                Block(kind="heading", text=title, level=level, page=page + 1)
            )
    return found


def _why(name: str, said: str) -> str:
    if "password" in said.lower():
        return f"{name} is encrypted: it opens with a password alone"
    return f"{name} is damaged, or not a PDF ({said})"
