"""``multipart/form-data`` (RFC 7578, RFC 2046), read as it arrives. Sans I/O: bytes in, parts out.

Nothing is kept but a part's header and as many bytes as a delimiter has, so a part may have any
size.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import NamedTuple

from ingle.errors import InvalidRequest

MOST_HEADER = 8 * 1024
"""Bytes of one part's header."""
MOST_BOUNDARY = 70
_BOUNDARY = re.compile(r"""boundary=(?:"([^"]+)"|([^;\s]+))""", re.IGNORECASE)
_PARAMETER = re.compile(r';\s*([\w*-]+)=(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))')


class FormPart(NamedTuple):
    """A field or a file begins."""

    name: str
    filename: str | None = None
    """None: it is a field, and no file."""


class FormData(NamedTuple):
    """The next bytes of the part that has begun."""

    data: bytes


def boundary_of(content_type: str) -> bytes:
    """The delimiter that a request's ``content-type`` names.

    Raises:
        InvalidRequest: it is not ``multipart/form-data`` with a boundary.
    """
    found = _BOUNDARY.search(content_type)
    text = (found[1] or found[2]) if found is not None else ""
    if not content_type.lower().startswith("multipart/form-data") or not text:
        raise InvalidRequest(
            "the body must be multipart/form-data, with a file", field="content-type"
        )
    boundary = text.encode("latin-1", "replace")
    if len(boundary) > MOST_BOUNDARY:
        raise InvalidRequest(
            f"the boundary has more than {MOST_BOUNDARY} bytes", field="content-type"
        )
    return boundary


class MultipartParser:
    """Feed it a body in pieces of any length; it ends with `close`."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        # The first delimiter may stand at the very beginning, without a line's end before it.
        self._buffer = b"\r\n"
        self._state = "preamble"

    def feed(self, data: bytes) -> Iterator[FormPart | FormData]:
        """What the next bytes complete.

        Raises:
            InvalidRequest: a part's header is too long, or has no name.
        """
        self._buffer += data
        while True:
            match self._state:
                case "preamble" | "part":
                    keep = yield from self._content()
                case "delimited":
                    keep = self._delimited()
                case "header":
                    keep = yield from self._header()
                case _:
                    self._buffer = b""
                    return
            if not keep:
                return

    def close(self) -> None:
        """The body has ended. Raises InvalidRequest: in the middle of it."""
        if self._state != "end":
            raise InvalidRequest("the form ends before its last boundary", field="body")

    def _content(self) -> Generator[FormData, None, bool]:
        at = self._buffer.find(self._delimiter)
        inside = self._state == "part"
        if at >= 0:
            data, self._buffer = self._buffer[:at], self._buffer[at + len(self._delimiter) :]
            self._state = "delimited"
        else:
            # A delimiter may be cut in two.
            kept = len(self._delimiter) - 1
            data, self._buffer = self._buffer[:-kept], self._buffer[-kept:]
        if inside and data:
            yield FormData(data)
        return at >= 0

    def _delimited(self) -> bool:
        """After a delimiter: two hyphens end the form; else a part begins on the next line."""
        if len(self._buffer) < 2:
            return False
        if self._buffer.startswith(b"--"):
            self._state = "end"
            return True
        end = self._buffer.find(b"\r\n")
        if end < 0:
            self._check_header(len(self._buffer))
            return False
        self._buffer = self._buffer[end:]  # a header may be empty: its end is looked for from here
        self._state = "header"
        return True

    def _header(self) -> Generator[FormPart, None, bool]:
        end = self._buffer.find(b"\r\n\r\n")
        self._check_header(len(self._buffer) if end < 0 else end)
        if end < 0:
            return False
        header, self._buffer = self._buffer[2:end], self._buffer[end + 4 :]
        self._state = "part"
        yield _part(header)
        return True

    def _check_header(self, size: int) -> None:
        if size > MOST_HEADER:
            raise InvalidRequest(
                f"the header of a part of the form has more than {MOST_HEADER} bytes", field="body"
            )


def _part(header: bytes) -> FormPart:
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() != b"content-disposition":
            continue
        text = value.decode("utf-8", "replace")
        found = {
            key.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted else plain
            for key, quoted, plain in _PARAMETER.findall(text)
        }
        if "name" in found:
            return FormPart(found["name"], found.get("filename"))
    raise InvalidRequest("a part of the form has no name", field="body")
