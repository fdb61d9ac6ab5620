"""py3langid's languages as a model: a JSON file ``NAME.langid.json`` that names them.

There are no weights of ours to keep: the package brings them. The file says which languages it
knows, so that a node can tell without loading it::

    {"licence": "BSD-3-Clause", "languages": ["af", "am", "ar"]}
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ingle.errors import BadModelFile
from ingle.models.facts import Facts
from ingle.models.format import WEIGHTS, ChosenFiles
from ingle.operations.encoded import UNREADABLE

SUFFIX = ".langid.json"
MOST_BYTES = 1 << 16


class _LanguageFile(msgspec.Struct):
    licence: str
    languages: list[str]


class LangidFormat:
    """See `ingle.models.format.Format`."""

    name = "langid"

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        return [
            ChosenFiles(name.rpartition("/")[2].removesuffix(SUFFIX), ((WEIGHTS, name),))
            for name in names
            if name.endswith(SUFFIX)
        ]

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        path = files[0][1]
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise BadModelFile(f"{path.name} has more than {MOST_BYTES} bytes", path=str(path))
        try:
            found = msgspec.json.decode(data, type=_LanguageFile)
        except UNREADABLE as error:
            raise BadModelFile(f"{path.name}: {error}", path=str(path)) from None
        if not found.languages:
            raise BadModelFile(f"{path.name} names no languages", path=str(path))
        return Facts(
            format=self.name,
            abilities=["detect"],
            architecture="langid",
            tensor_bytes=len(data),
            licence=found.licence,
            description="Tells which language a text is in, by stretches of its bytes.",
            languages=found.languages,
        )


LANGID_FORMAT = LangidFormat()
