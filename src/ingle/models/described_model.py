"""Models that bring no weights: a small JSON file says what a library or the system has.

Such a file is called ``NAME.KIND.json``; it lets a node list a model, and others ask for it,
without loading anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from ingle.errors import BadModelFile
from ingle.models.format import WEIGHTS, ChosenFiles
from ingle.operations.encoded import UNREADABLE

T = TypeVar("T")
MOST_BYTES = 1 << 20


def described(names: Sequence[str], suffix: str) -> list[ChosenFiles]:
    """The models that files of a suffix describe."""
    return [
        ChosenFiles(name.rpartition("/")[2].removesuffix(suffix), ((WEIGHTS, name),))
        for name in names
        if name.endswith(suffix)
    ]


def read_description(path: Path, kind: type[T]) -> T:
    """What such a file says.

    Raises:
        BadModelFile: it is too long, or not such a file.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise BadModelFile(f"{path.name} has more than {MOST_BYTES} bytes", path=str(path))
    try:
        return msgspec.json.decode(data, type=kind)
    except UNREADABLE as error:
        raise BadModelFile(f"{path.name}: {error}", path=str(path)) from None
