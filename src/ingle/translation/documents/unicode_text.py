"""Text files of any Unicode encoding that says what it is."""

from __future__ import annotations

import codecs
from typing import NamedTuple

from ingle.errors import InvalidRequest

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class DecodedText(NamedTuple):
    """A file's text."""

    text: str
    encoding: str
    """With which it is written again."""


def decoded(data: bytes) -> DecodedText:
    """The text of a file: UTF-8, or what its byte order mark says.

    Raises:
        InvalidRequest: it is neither; says at which byte.
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return DecodedText(data.decode(encoding), encoding)
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"document: not valid {encoding.upper()} at byte {error.start}",
            hint="convert it, for example: iconv -f latin1 -t utf-8",
            field="document",
        ) from None
