"""`Model`: what a name resolved to. Plain data, always with a digest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ingle.capabilities.store.operation import ModelDetails, ModelSummary
from ingle.models.facts import Facts
from ingle.operations import Ability

WEIGHTS = "weights"
PROJECTOR = "mmproj"
EMBEDDED = "embedded"


class ModelFile(msgspec.Struct, kw_only=True, omit_defaults=True, frozen=True):
    """One file of a model."""

    name: str
    """What it was called where it came from."""
    digest: str
    size: int
    role: str = WEIGHTS
    """``weights`` (in shard order) or ``mmproj``."""
    linked: bool = False
    """It lies outside of the store, at ``path``; else it is a blob."""
    path: str = ""
    """Where it lies. Empty for a blob in the index, where the store may move with its root."""
    mtime_ns: int = 0
    """Of a linked file, when it was hashed: a change shows without hashing again."""


class Model(msgspec.Struct, kw_only=True, omit_defaults=True, frozen=True):
    """A model of the store: its files, verified by hash, and the facts of its header."""

    name: str
    digest: str
    """``sha256:`` and the hash of the first weight file."""
    files: list[ModelFile]
    facts: Facts
    source: str = ""
    added: float = 0.0
    bases: list[str] = []
    """Of an adapter: digests of models that its owner allows it on, besides its own base."""

    @property
    def path(self) -> Path:
        """The file to open: the only weight file, or the first shard."""
        return Path(self.files[0].path)

    @property
    def paths(self) -> list[Path]:
        """Every file that an engine must be able to read."""
        return [Path(file.path) for file in self.files]

    @property
    def projector(self) -> Path | None:
        """The image projector (mmproj), if there is one."""
        found = [Path(file.path) for file in self.files if file.role == PROJECTOR]
        return found[0] if found else None

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
    def capabilities(self) -> list[Ability]:
        """What it can do."""
        return self.facts.capabilities(vision=any(file.role == PROJECTOR for file in self.files))

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
            files=[file.path for file in self.files],
            prefixes=facts.prefixes,
            metadata=facts.metadata,
        )

    def _summary_fields(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "digest": self.digest,
            "size": self.size,
            "architecture": self.facts.architecture,
            "parameters": self.facts.parameters,
            "quantization": self.facts.quantization,
            "context_length": self.facts.context_length,
            "capabilities": self.capabilities,
            "source": self.source,
            "added": self.added,
            "linked": self.linked,
        }
