"""JSON: one array of objects, read piece by piece, as Alpaca and ShareGPT files have it."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ingle.training.examples.example import RowPosition
from ingle.training.examples.row import Row
from ingle.training.examples.text_file import check_characters

CHUNK = 1 << 20
MAX_ELEMENT = 16 * 2**20
_SPACE = " \t\r\n"


def is_array(path: Path) -> bool:
    """Does the file begin as an array?"""
    with path.open("rb") as file:
        return file.read(4096).removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"["


def read(path: Path) -> Iterator[Row]:
    """The objects of the array, one by one.

    Raises:
        InvalidRequest: it is not an array, or an element is not an object, or is over
            `MAX_ELEMENT` characters.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        text = _Text(file, path.name)
        text.expect("[", RowPosition(1, path.name, "element"))
        number = 0
        while text.peek() != "]":
            number += 1
            place = RowPosition(number, path.name, "element")
            if number > 1:
                text.expect(",", place)
            value = text.value(place)
            if not isinstance(value, dict):
                raise place.bad("is not an object with messages, prompt and completion, or text")
            yield Row(place, value)


class _Text:
    """A window that moves over the file."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder()
        self._name = name
        self._text = ""
        self._at = 0
        self._done = False

    def peek(self) -> str:
        """The next character that is not whitespace; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def expect(self, letter: str, place: RowPosition) -> None:
        found = self.peek()
        if found != letter:
            raise place.bad(f"{letter!r} is missing before it; found {found or 'the end'!r}")
        self._at += 1

    def value(self, place: RowPosition) -> object:
        """The next value, whole."""
        self.peek()
        while True:
            try:
                value, end = self._json.raw_decode(self._text, self._at)
            except RecursionError:
                raise place.bad("is nested too deeply") from None
            except ValueError as error:
                # Perhaps only its end is missing here; a window that grows twofold is linear.
                size = len(self._text) - self._at
                if size > MAX_ELEMENT:
                    raise place.bad(
                        f"is not valid JSON, or longer than {MAX_ELEMENT >> 20} MiB"
                    ) from None
                if not self._more(max(CHUNK, size)):
                    raise place.bad(f"is not valid JSON ({error})") from None
                continue
            check_characters(place, value, self._text, self._at, end)
            self._at = end
            return value

    def _more(self, size: int = CHUNK) -> bool:
        if self._done:
            return False
        data = self._file.read(size)
        try:
            text = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError:
            raise RowPosition(1, self._name, "element").bad("the file is not UTF-8 text") from None
        if not data:
            self._done = True
        self._text, self._at = self._text[self._at :] + text, 0
        return bool(data)
