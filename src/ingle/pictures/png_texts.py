"""The texts of a PNG file, without decoding the picture: for programs that decode none.

Format: PNG (Third Edition), 11.3.3, ``tEXt`` and ``iTXt``; compressed texts are passed over.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from ingle.errors import InvalidRequest

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_CHUNKS = 10_000
MOST_TEXT = 1 << 20
"""Bytes of one text."""
MOST_TEXTS = 1_000
_HEAD = struct.Struct(">I4s")
_SUM = struct.Struct(">I")
_PIXELS, _END = b"IDAT", b"IEND"


def png_texts(path: Path) -> dict[str, str]:
    """By keyword; those that stand before the pixels.

    Raises:
        InvalidRequest: it is not a PNG file, or damaged before its pixels.
    """
    found: dict[str, str] = {}
    try:
        with path.open("rb") as file:
            if file.read(len(SIGNATURE)) != SIGNATURE:
                raise _bad(path, "it is not a PNG file")
            for _ in range(MOST_CHUNKS):
                head = file.read(_HEAD.size)
                if len(head) < _HEAD.size:
                    raise _bad(path, "it was cut off")
                length, kind = _HEAD.unpack(head)
                if kind in (_PIXELS, _END):
                    return found
                if kind not in (b"tEXt", b"iTXt") or length > MOST_TEXT:
                    file.seek(length + _SUM.size, 1)
                    continue
                data, check = file.read(length), file.read(_SUM.size)
                if check != _SUM.pack(zlib.crc32(kind + data)):
                    raise _bad(path, "a text of it is damaged")
                keyword, text = _text(kind, data)
                if keyword and len(found) < MOST_TEXTS:
                    found[keyword] = text
    except OSError as error:
        raise _bad(path, str(error.strerror)) from None
    raise _bad(path, f"it has more than {MOST_CHUNKS} chunks before its pixels")


def _text(kind: bytes, data: bytes) -> tuple[str, str]:
    """Keyword and text; an empty keyword: it is compressed, or not valid."""
    keyword, _, rest = data.partition(b"\0")
    if kind == b"tEXt":
        return keyword.decode("latin-1"), rest.decode("latin-1")
    compressed, rest = rest[:1], rest[2:]
    if compressed != b"\0":
        return "", ""
    _, _, rest = rest.partition(b"\0")
    _, _, text = rest.partition(b"\0")
    try:
        return keyword.decode("latin-1"), text.decode()
    except UnicodeDecodeError:
        return "", ""


def _bad(path: Path, why: str) -> InvalidRequest:
    return InvalidRequest(f"{path}: {why}", field="image")
