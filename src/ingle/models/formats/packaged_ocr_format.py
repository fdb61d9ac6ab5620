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

from ingle.models.described_model import described, read_description
from ingle.models.facts import Facts
from ingle.models.format import ChosenFiles
from ingle.operations.blob import Sha256


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
        return described(names, self._suffix)

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
    """The content of a file. Raises as `read_description`."""
    return read_description(path, PackagedReader)


RAPIDOCR_FORMAT = PackagedOcrFormat("rapidocr")
TESSERACT_FORMAT = PackagedOcrFormat("tesseract")
