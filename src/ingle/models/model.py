"""`Model`: what a name resolved to. Plain data, always with a digest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from ingle.capabilities.store.operation import ModelDetails, ModelSummary
from ingle.models import digest as digests
from ingle.models.facts import Facts
from ingle.models.format import ADAPTER, DEFAULTS, PROJECTOR, WEIGHTS
from ingle.operations import ModelDefaults

EMBEDDED = "embedded"
_ROLES = {"mmproj": PROJECTOR}
"""How roles were called in older indexes."""


class ModelFile(msgspec.Struct, kw_only=True, omit_defaults=True, frozen=True):
    """One file of a model."""

    name: str
    """What it was called where it came from, relative to the model's folder if that matters."""
    digest: str
    size: int
    role: str = WEIGHTS
    """``weights`` (in shard order), ``projector``, or another word of its format."""
    linked: bool = False
    """It lies outside of the store, at ``path``; else it is a blob."""
    path: str = ""
    """Where it lies. Empty for a blob in the index, where the store may move with its root."""
    mtime_ns: int = 0
    """Of a linked file, when it was hashed: a change shows without hashing again."""

    def __post_init__(self) -> None:
        if self.role in _ROLES:
            msgspec.structs.force_setattr(self, "role", _ROLES[self.role])


class NamedFile(Protocol):
    """A file by name and digest, here or with someone else."""

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str: ...


def identity(form: str, files: Sequence[NamedFile]) -> str:
    """The digest of a model: of its first file, or of the manifest of all (docs/adr/0018)."""
    if form == "gguf" or len(files) == 1:
        return files[0].digest
    return digests.of_manifest((file.name, file.digest) for file in files)


class Model(msgspec.Struct, kw_only=True, omit_defaults=True, frozen=True):
    """A model of the store: its files, verified by hash, and the facts of its header."""

    name: str
    digest: str
    """See `identity`."""
    files: list[ModelFile]
    facts: Facts
    source: str = ""
    added: float = 0.0
    bases: list[str] = []
    """Of an adapter: digests of models that its owner allows it on, besides its own base."""
    defaults: ModelDefaults | None = None
    """Of a derived model: as its file of this role has them."""

    @property
    def path(self) -> Path:
        """The file to open: the only weight file, or the first shard."""
        return Path(self.files[0].path)

    @property
    def paths(self) -> list[Path]:
        """Every file that an engine must be able to read."""
        return [Path(file.path) for file in self.files]

    @property
    def by_role(self) -> dict[str, list[Path]]:
        """Its files by what they are for."""
        found: dict[str, list[Path]] = {}
        for file in self.files:
            found.setdefault(file.role, []).append(Path(file.path))
        return found

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of the files of each role."""
        found: dict[str, int] = {}
        for file in self.files:
            found[file.role] = found.get(file.role, 0) + file.size
        return found

    @property
    def folder(self) -> Path:
        """The folder in which its files lie under their relative names (not those of GGUF)."""
        return self.path.parents[self.files[0].name.count("/")]

    @property
    def projector(self) -> Path | None:
        """The image projector, if there is one."""
        return next(iter(self.by_role.get(PROJECTOR, [])), None)

    @property
    def adapters(self) -> list[ModelFile]:
        """Of a derived model: the adapters that it always applies."""
        return [file for file in self.files if file.role == ADAPTER]

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)

    @property
    def linked(self) -> bool:
        """Some of its bytes lie outside of the store and are not ours to delete."""
        return not self.embedded and any(file.linked for file in self.files)

    @property
    def blobs(self) -> set[str]:
        """The digests of those of its files that are blobs of the store."""
        return {file.digest for file in self.files if not file.linked}

    @property
    def embedded(self) -> bool:
        """It is part of the package."""
        return self.source == EMBEDDED

    @property
    def template(self) -> str:
        """The chat template (jinja), or empty."""
        return self.facts.template

    @property
    def capabilities(self) -> list[str]:
        """What it can do."""
        return self.facts.capabilities(projector=any(file.role == PROJECTOR for file in self.files))

    def summary(self) -> ModelSummary:
        """The model as `list` shows it."""
        return ModelSummary(**self._summary_fields())

    def details(self) -> ModelDetails:
        """The model as `show` prints it."""
        facts = self.facts
        return ModelDetails(
            **self._summary_fields(),
            embedding_length=facts.embedding_length,
            layers=facts.layers,
            heads=facts.heads,
            heads_kv=max(facts.heads_kv, default=0),
            vocabulary=facts.vocabulary,
            quant_mix=facts.quant_mix,
            template=facts.template,
            template_sha256=facts.template_sha256,
            licence=facts.licence,
            description=facts.description,
            files=[file.path for file in self.files if file.role not in (ADAPTER, DEFAULTS)],
            adapters=[file.path for file in self.adapters],
            defaults=self.defaults or ModelDefaults(),
            prefixes=facts.prefixes,
            metadata=facts.metadata,
        )

    def _summary_fields(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "digest": self.digest,
            "size": self.size,
            "format": self.facts.format,
            "architecture": self.facts.architecture,
            "parameters": self.facts.parameters,
            "quantization": self.facts.quantization,
            "context_length": self.facts.context_length,
            "capabilities": self.capabilities,
            "source": self.source,
            "added": self.added,
            "linked": self.linked,
            "base": self.defaults.base if self.defaults else "",
            "notes": self.facts.notes,
        }
