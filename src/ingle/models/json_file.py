"""Small JSON files beside weights, read with bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ingle.errors import BadModelFile
from ingle.operations.encoded import UNREADABLE

MOST_BYTES = 32 << 20
"""A tokeniser of many languages has 4 MB and more."""


def read_object(path: Path) -> dict[str, Any]:
    """The object that a file holds.

    Raises:
        BadModelFile: it is damaged, too large, or holds something else.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise BadModelFile(f"{path.name} has more than {MOST_BYTES >> 20} MiB", path=str(path))
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except UNREADABLE as error:
        raise BadModelFile(f"{path.name}: {error}", path=str(path)) from None
