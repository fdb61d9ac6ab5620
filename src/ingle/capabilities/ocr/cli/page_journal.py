"""`PageJournal`: the pages that were read, in a file beside the one that they are written to.

After a kill the same command reads on from there. The file says which document and request its
pages are of; those of another one are not taken.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from ingle.capabilities.ocr.operation import OcrPage

SUFFIX = ".pages"


class _Header(msgspec.Struct, frozen=True):
    document: str
    """Its SHA-256."""
    request: dict[str, Any]


_encode = msgspec.json.Encoder().encode
_page = msgspec.json.Decoder(OcrPage).decode
_header = msgspec.json.Decoder(_Header).decode


class PageJournal:
    """Pages of one document for one target.

    Args:
        target: the file that they are written to in the end.
        document: SHA-256 of what is read.
        request: all that decides what its pages are.
    """

    def __init__(self, target: Path, document: str, request: dict[str, Any]) -> None:
        self.path = target.with_name(target.name + SUFFIX)
        self.pages: list[OcrPage] = []
        self._file: BinaryIO = self.path.open("a+b")
        self._file.seek(0)
        header = _Header(document, request)
        whole = 0
        first = self._file.readline()
        if first.endswith(b"\n") and _read(_header, first) == header:
            whole = len(first)
            for line in self._file:
                page = _read(_page, line) if line.endswith(b"\n") else None
                if page is None:
                    break
                self.pages.append(page)
                whole += len(line)
        self._file.truncate(whole)
        if not whole:
            self._write(header)

    def add(self, page: OcrPage) -> None:
        """Keep a page: after that it is on the disk."""
        self.pages.append(page)
        self._write(page)

    def close(self, *, complete: bool) -> None:
        """Let go of the file, which is deleted once the target is there."""
        self._file.close()
        if complete:
            self.path.unlink(missing_ok=True)

    def _write(self, entry: _Header | OcrPage) -> None:
        self._file.write(_encode(entry) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _read(decode: Any, line: bytes) -> Any:
    try:
        return decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
