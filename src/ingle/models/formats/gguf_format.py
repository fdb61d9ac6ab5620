"""GGUF: one file or shards, and an image projector beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from ingle.models import adapter_provenance, shards
from ingle.models.facts import Facts, facts_of
from ingle.models.format import ADAPTER, PROJECTOR, WEIGHTS, ChosenFiles
from ingle.models.gguf import MAGIC
from ingle.models.projector_facts import projector_facts

SUFFIX = ".gguf"


class _Listed(NamedTuple):
    """A file of a listing."""

    path: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]


class GGUFFormat:
    """See `ingle.models.format.Format`."""

    name = "gguf"

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        files = [_Listed(name) for name in names if name.lower().endswith(SUFFIX)]
        projectors = [file for file in files if shards.is_projector(file.name)]
        found = []
        for folder in sorted({file.folder for file in files}):
            for model in shards.group(file for file in files if file.folder == folder):
                chosen = [(WEIGHTS, file.path) for file in model.weights]
                # The one that lies beside it goes first, then the one that llama.cpp runs best.
                beside = sorted(
                    projectors,
                    key=lambda p: (p.folder != folder, "f16" not in p.name.lower(), p.path),
                )
                chosen += [(PROJECTOR, projector.path) for projector in beside[:1]]
                found.append(ChosenFiles(model.stem, tuple(chosen)))
        return found

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        facts = facts_of([path for role, path in files if role == WEIGHTS])
        for role, path in files:
            if role == PROJECTOR:
                facts = msgspec.structs.replace(facts, projector=projector_facts(path))
            elif role == ADAPTER:
                adapter_provenance.check(path, files[0][1], path.name, facts.title or "the model")
        return facts


GGUF = GGUFFormat()


def is_gguf(path: Path) -> bool:
    """A file is GGUF by its name, or by how it begins (Ollama's have no such name)."""
    if path.name.lower().endswith(SUFFIX):
        return True
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC
