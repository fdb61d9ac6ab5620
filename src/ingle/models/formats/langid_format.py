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
from ingle.models.described_model import described, read_description
from ingle.models.facts import Facts
from ingle.models.format import ChosenFiles

SUFFIX = ".langid.json"


class _LanguageFile(msgspec.Struct):
    licence: str
    languages: list[str]


class LangidFormat:
    """See `ingle.models.format.Format`."""

    name = "langid"

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        return described(names, SUFFIX)

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        path = files[0][1]
        found = read_description(path, _LanguageFile)
        if not found.languages:
            raise BadModelFile(f"{path.name} names no languages", path=str(path))
        return Facts(
            format=self.name,
            abilities=["detect"],
            architecture="langid",
            tensor_bytes=path.stat().st_size,
            licence=found.licence,
            description="Tells which language a text is in, by stretches of its bytes.",
            languages=found.languages,
        )


LANGID_FORMAT = LangidFormat()
