"""Readers of documents as a model: a JSON file ``NAME.documents.json`` that says whose they are.

There are no weights: the readers are parts of ingle and of libraries. The file lets a node list
them, and a peer ask for them, as it does models.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ingle.models.described_model import described, read_description
from ingle.models.facts import Facts
from ingle.models.format import ChosenFiles

SUFFIX = ".documents.json"


class _ReadersFile(msgspec.Struct):
    licence: str
    description: str


class DocumentsFormat:
    """See `ingle.models.format.Format`."""

    name = "documents"

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        return described(names, SUFFIX)

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        path = files[0][1]
        found = read_description(path, _ReadersFile)
        return Facts(
            format=self.name,
            abilities=["extract"],
            architecture="readers",
            tensor_bytes=path.stat().st_size,
            licence=found.licence,
            description=found.description,
        )


DOCUMENTS_FORMAT = DocumentsFormat()
