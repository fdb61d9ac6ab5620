"""CSV and TSV, with names in the first row. Cells may hold JSON (messages, tools)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from ingle.training.examples.example import RowPosition
from ingle.training.examples.row import Row

MAX_CELL = 16 * 2**20
LEFT_OVER = "(cells beyond the named ones)"


def read(path: Path) -> Iterator[Row]:
    """The rows of a table; a row may go over several lines, and is named by its last one.

    Raises:
        InvalidRequest: a row has more or fewer cells than names, or the file is not UTF-8.
        OSError: the file cannot be read.
    """
    csv.field_size_limit(MAX_CELL)
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(
            _lines(file),
            delimiter="\t" if path.suffix.lower() == ".tsv" else ",",
            strict=True,
            restkey=LEFT_OVER,
        )
        while True:
            place = RowPosition(table.line_num + 1, path.name)
            try:
                if table.fieldnames is None:  # this reads the first row
                    return
                place = RowPosition(table.line_num + 1, path.name)
                values = next(table, None)
            except UnicodeDecodeError:
                raise place.bad("is not UTF-8 text") from None
            except (csv.Error, _TooLong) as error:
                raise place.bad(f"is not a row of a table ({error})") from None
            if values is None:
                return
            place = RowPosition(table.line_num, path.name)
            if LEFT_OVER in values or None in values.values():
                raise place.bad(
                    f"does not have {len(table.fieldnames or ())} cells as the header has"
                )
            yield Row(place, values)


class _TooLong(ValueError):
    """A line is longer than a cell may be."""


def _lines(file: TextIO) -> Iterator[str]:
    """The lines, none of which is read that is longer than a cell may be."""
    while line := file.readline(MAX_CELL + 1):
        if len(line) > MAX_CELL:
            raise _TooLong(f"a line is longer than {MAX_CELL >> 20} MiB")
        yield line
