"""Readers of pages that bring their weights themselves, as models: ``NAME.rapidocr.json``.

RapidOCR's networks come with its package, Tesseract's with the system. The file says what a node
should know without looking there::

    {"licence": "Apache-2.0", "description": "...", "languages": ["en", "de"], "sha256": {...}}

``sha256`` has the files of the package, by name, that the engine checks before it opens them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ingle.errors import BadModelFile
from ingle.models.facts import Facts
from ingle.models.format import WEIGHTS, ChosenFiles
from ingle.operations.blob import Sha256
from ingle.operations.encoded import UNREADABLE

MOST_BYTES = 1 << 16


class PackagedReader(msgspec.Struct):
    """What such a file holds."""

    licence: str
    description: str = ""
    languages: list[str] = []
    sha256: dict[str, Sha256] = {}


class PackagedOcrFormat:
    """See `ingle.models.format.Format`.

    Args:
        name: the engine's.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._suffix = f".{name}.json"

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        return [
            ChosenFiles(name.rpartition("/")[2].removesuffix(self._suffix), ((WEIGHTS, name),))
            for name in names
            if name.endswith(self._suffix)
        ]

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        path = files[0][1]
        found = read_packaged(path)
        return Facts(
            format=self.name,
            abilities=["ocr"],
            architecture=self.name,
            tensor_bytes=path.stat().st_size,
            licence=found.licence,
            description=found.description,
            languages=found.languages,
        )


def read_packaged(path: Path) -> PackagedReader:
    """The content of a file.

    Raises:
        BadModelFile: it is too long, or not such a file.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise BadModelFile(f"{path.name} has more than {MOST_BYTES} bytes", path=str(path))
    try:
        return msgspec.json.decode(data, type=PackagedReader)
    except UNREADABLE as error:
        raise BadModelFile(f"{path.name}: {error}", path=str(path)) from None


RAPIDOCR_FORMAT = PackagedOcrFormat("rapidocr")
TESSERACT_FORMAT = PackagedOcrFormat("tesseract")
