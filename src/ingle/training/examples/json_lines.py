"""JSONL: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from ingle.training.examples.example import RowPosition
from ingle.training.examples.row import Row
from ingle.training.examples.text_file import check_characters

MAX_LINE = 16 * 2**20


def read(path: Path) -> Iterator[Row]:
    """The objects of a file, line by line; empty lines are passed over.

    Raises:
        InvalidRequest: a line is not an object, not UTF-8, or over `MAX_LINE` bytes.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE + 1):
            number += 1
            place = RowPosition(number, path.name)
            if len(line) > MAX_LINE:
                raise place.bad(f"is longer than {MAX_LINE >> 20} MiB")
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                if not text.strip():
                    continue
                value = json.loads(text)
            except UnicodeDecodeError:
                raise place.bad("is not UTF-8 text") from None
            except (ValueError, RecursionError) as error:
                raise place.bad(f"is not valid JSON ({error})") from None
            if not isinstance(value, dict):
                raise place.bad("is not an object with messages, prompt and completion, or text")
            check_characters(place, value, text)
            yield Row(place, value)
