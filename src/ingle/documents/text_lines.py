"""Text files: their encoding, their lines, and the paragraphs of plain ones."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

from ingle.capabilities.extract.operation import Block
from ingle.documents.document_file import DocumentFile
from ingle.errors import InvalidRequest

STEP = 1 << 16
"""Bytes that are read at once."""
LOOKED_AT = 1 << 20
"""Bytes by which the encoding is found."""
LONGEST_LINE = 1 << 16
"""Characters; a longer line is cut, so that one without end takes no memory."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BLANK = re.compile(r"\s*\Z")


def encoding_of(document: DocumentFile) -> str:
    """By its mark, else UTF-8, else Windows-1252, in which every byte but five is a character.

    Raises:
        InvalidRequest: it is not text.
    """
    with document.path.open("rb") as file:
        start = file.read(LOOKED_AT)
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    if b"\0" in start:
        raise InvalidRequest(f"{document.name} is not a text file")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def texts(document: DocumentFile) -> Iterator[str]:
    """Its characters, piece by piece, with ``\\n`` for every kind of line end."""
    with document.path.open(encoding=encoding_of(document), errors="replace") as file:
        while piece := file.read(STEP):
            yield piece


def lines(document: DocumentFile) -> Iterator[str]:
    """Its lines, without their ends."""
    rest = ""
    for text in texts(document):
        *whole, rest = (rest + text).split("\n")
        yield from whole
        while len(rest) > LONGEST_LINE:
            yield rest[:LONGEST_LINE]
            rest = rest[LONGEST_LINE:]
    if rest:
        yield rest


def blocks(each: Iterable[str]) -> Iterator[Block]:
    """Paragraphs: what blank lines part."""
    held: list[str] = []
    for line in each:
        if _BLANK.match(line):
            if held:
                yield Block(kind="paragraph", text="\n".join(held))
            held = []
        else:
            held.append(line.rstrip())
    if held:
        yield Block(kind="paragraph", text="\n".join(held))
