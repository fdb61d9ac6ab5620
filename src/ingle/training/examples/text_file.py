"""What text in a data set must be: UTF-8, not packed, its characters whole."""

from __future__ import annotations

import codecs
import json
import re
import shlex
from pathlib import Path
from typing import Any

from ingle.errors import InvalidRequest
from ingle.training.examples.example import RowPosition

PACKED = {
    b"\x1f\x8b": ("gzip", "gunzip -k {}"),
    b"\x28\xb5\x2f\xfd": ("Zstandard", "unzstd {}"),
    b"PK\x03\x04": ("zip", "unzip {}"),
    b"BZh": ("bzip2", "bunzip2 -k {}"),
    b"\xfd7zXZ\x00": ("xz", "unxz -k {}"),
}
"""First bytes of a packed file, what it is, and what unpacks it."""
ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16",
}  # fmt: skip
"""Marks at the beginning of a text; those of UTF-32 begin as those of UTF-16."""
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def check(path: Path) -> None:
    """Look at the first bytes.

    Raises:
        InvalidRequest: the file is packed, or in another encoding; its hint is what converts it.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(8)
    for mark, (kind, command) in PACKED.items():
        if head.startswith(mark):
            raise InvalidRequest(
                f"{path.name} is a {kind} file; training data is read unpacked",
                hint=command.format(shlex.quote(str(path))), field="data", file=path.name,
            )  # fmt: skip
    for mark, encoding in ENCODINGS.items():
        if head.startswith(mark):
            raise InvalidRequest(
                f"{path.name} is in {encoding}; training data is read as UTF-8",
                hint=f"iconv -f {encoding} -t UTF-8 {shlex.quote(str(path))} > utf8{path.suffix}",
                field="data", file=path.name,
            )  # fmt: skip


def check_characters(
    place: RowPosition, value: Any, text: str, start: int = 0, end: int | None = None
) -> None:
    """Refuse JSON whose escapes are halves of characters.

    Args:
        value: what the JSON is.
        text: that it is in, from a start to an end.

    Raises:
        InvalidRequest: a surrogate is alone.
    """
    if not _HALF.search(text, start, len(text) if end is None else end):
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise place.bad(
            "contains half a character: a lone surrogate, such as \\ud83d without the other half",
            hint="remove the escape, or write the character whole",
        ) from None
