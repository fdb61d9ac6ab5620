"""Blocks of tables in text: CSV and TSV, some rows at a time, each with the table's heading."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator

from ingle.capabilities.extract.operation import Block
from ingle.documents.markdown_tables import as_markdown
from ingle.errors import InvalidRequest

ROWS = 20
"""Of a block."""
SNIFFED = 16_384
"""Characters by which the delimiter is found."""


def blocks(texts: Iterable[str], *, tabs: bool = False) -> Iterator[Block]:
    """Tables of up to `ROWS` rows beneath the first one, whatever their number is.

    Raises:
        InvalidRequest: it cannot be read as a table.
    """
    pieces = iter(texts)
    start = ""
    while len(start) < SNIFFED and (piece := next(pieces, None)) is not None:
        start += piece
    reader = csv.reader(_lines(itertools.chain([start], pieces)), _dialect(start, tabs))
    try:
        heading = next(reader, None)
        while heading is not None and (rows := list(itertools.islice(reader, ROWS))):
            yield Block(kind="table", text=as_markdown([heading, *rows]))
    except csv.Error as error:
        raise InvalidRequest(f"line {reader.line_num} is not a row of a table: {error}") from None


def _dialect(start: str, tabs: bool) -> type[csv.Dialect]:
    if tabs:
        return csv.excel_tab
    try:
        return csv.Sniffer().sniff(start[:SNIFFED], ",;\t|")
    except csv.Error:
        return csv.excel


def _lines(texts: Iterable[str]) -> Iterator[str]:
    rest = ""
    for text in texts:
        *whole, rest = (rest + text).split("\n")
        for line in whole:
            yield line + "\n"
    if rest:
        yield rest
