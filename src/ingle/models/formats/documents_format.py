"""Readers of documents as a model: a JSON file ``NAME.documents.json`` that says whose they are.

There are no weights: the readers are parts of ingle and of libraries. The file lets a node list
them, and a peer ask for them, as it does models.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ingle.errors import BadModelFile
from ingle.models.facts import Facts
from ingle.models.format import WEIGHTS, ChosenFiles
from ingle.operations.encoded import UNREADABLE

SUFFIX = ".documents.json"
MOST_BYTES = 1 << 16


class _ReadersFile(msgspec.Struct):
    licence: str
    description: str


class DocumentsFormat:
    """See `ingle.models.format.Format`."""

    name = "documents"

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        return [
            ChosenFiles(name.rpartition("/")[2].removesuffix(SUFFIX), ((WEIGHTS, name),))
            for name in names
            if name.endswith(SUFFIX)
        ]

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        path = files[0][1]
        with path.open("rb") as file:
            data = file.read(MOST_BYTES)
        try:
            found = msgspec.json.decode(data, type=_ReadersFile)
        except UNREADABLE as error:
            raise BadModelFile(f"{path.name}: {error}", path=str(path)) from None
        return Facts(
            format=self.name,
            abilities=["extract"],
            architecture="readers",
            tensor_bytes=len(data),
            licence=found.licence,
            description=found.description,
        )


DOCUMENTS_FORMAT = DocumentsFormat()
