"""Blocks of an e-book (EPUB 3, OCF: a ZIP file of web pages in the order of its spine)."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import unquote

from ingle.capabilities.extract.operation import Block
from ingle.documents import html
from ingle.documents.document_file import DocumentFile
from ingle.documents.zip_bounds import check_zip
from ingle.errors import InvalidRequest


def blocks(document: DocumentFile) -> Iterator[Block]:
    """The pages of the book, in the order in which it is read.

    Raises:
        InvalidRequest: it is damaged, or not a book.
    """
    check_zip(document)
    try:
        with zipfile.ZipFile(document.path) as book:
            for name in _spine(book, document.name):
                text = book.read(name).decode("utf-8", "replace")
                yield from html.blocks([text])
    except (KeyError, zipfile.BadZipFile, NotImplementedError, OSError) as error:
        raise InvalidRequest(f"{document.name} is damaged, or not a book: {error}") from None


def _spine(book: zipfile.ZipFile, name: str) -> list[str]:
    container = _Tags(book.read("META-INF/container.xml"))
    roots = [found["full-path"] for tag, found in container.found if tag == "rootfile"]
    if not roots:
        raise InvalidRequest(f"{name} names no package: it is not a book")
    package = _Tags(book.read(roots[0]))
    folder = posixpath.dirname(roots[0])
    places = {
        found["id"]: posixpath.normpath(posixpath.join(folder, unquote(found["href"])))
        for tag, found in package.found
        if tag == "item" and "id" in found and "href" in found
    }
    return [
        places[found["idref"]]
        for tag, found in package.found
        if tag == "itemref" and found.get("idref") in places
    ]


class _Tags(HTMLParser):
    """Tags with their attributes. Entities that a file declares are not expanded."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(data.decode("utf-8", "replace"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag.rpartition(":")[2], {key: value or "" for key, value in attrs}))
