"""Making a model from another one, or from files: what `CreateModel` asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from ingle.capabilities.store.operation import CreateModel, SourceFile
from ingle.errors import BadModelFile, InvalidRequest, ModelNotFound, StorageError
from ingle.models import chat_template, derived_model, local_model
from ingle.models import digest as digests
from ingle.models.adapter_store import AdapterStore
from ingle.models.facts import Facts, facts_from, facts_of
from ingle.models.file_copy import copy_in, link_in
from ingle.models.format import ADAPTER, DEFAULTS, PROJECTOR, WEIGHTS
from ingle.models.formats.gguf_format import GGUF
from ingle.models.gguf import read_header
from ingle.models.hold import Hold
from ingle.models.model import Model, ModelFile, identity
from ingle.models.store import Store
from ingle.operations import ModelDefaults

BlobPath = Callable[[str], Path]
"""Where the bytes with a hash lie. Raises NotFound."""
_KINDS = {"model": WEIGHTS, "mmproj": PROJECTOR, "adapter": ADAPTER}


class NewModel(NamedTuple):
    """What was made, and what is to be said of it."""

    model: Model
    notes: list[str]


class _Parts(NamedTuple):
    """What a model is made of, before what the request adds."""

    files: list[ModelFile]
    facts: Facts
    source: str
    adapters: list[SourceFile]
    """Adapters that were found among the files."""
    defaults: ModelDefaults


class ModelCreation:
    """One `CreateModel`, whose base is here. Reads and hashes files: meant for a thread."""

    def __init__(
        self, store: Store, adapters: AdapterStore, operation: CreateModel, find: BlobPath
    ) -> None:
        self._store = store
        self._adapters = adapters
        self._asked = operation
        self._find = find
        self._hold: Hold

    def run(self) -> NewModel:
        """Make it.

        Raises:
            InvalidRequest: a bad name, or what was asked for cannot be.
            ModelNotFound, AdapterNotFound, NotFound: the base, or a file, is not here.
            BadModelFile: a file is damaged, or not what it should be.
            DiskFull: no room.
        """
        self._store.check_name(self._asked.model)
        try:
            with self._store.held() as self._hold:
                return self._made()
        except OSError as error:
            raise StorageError(f"{error.filename}: {error.strerror}") from error

    def _made(self) -> NewModel:
        parts = self._of_base() if self._asked.base else self._of_files()
        if parts.facts.format != GGUF.name:
            raise InvalidRequest(
                f"only GGUF models can be made into others; this is {parts.facts.format}",
                field="base",
            )
        files = [file for file in parts.files if file.role != DEFAULTS]
        files += self._fitting(files, parts.facts, [*parts.adapters, *self._asked.adapters])
        asked = self._asked.defaults
        chosen = chat_template.chosen(asked.template, parts.facts.template)
        licence = "" if asked.licence == parts.facts.licence else asked.licence
        wanted = msgspec.structs.replace(asked, template=chosen.template, licence=licence)
        defaults = wanted.over(parts.defaults)
        if defaults != ModelDefaults():
            files = derived_model.with_defaults(self._store.blobs, files, defaults, self._hold.keep)
        model = self._store.record(
            self._asked.model, files, parts.facts, parts.source, self._hold.key
        )
        return NewModel(model, [chosen.note] if chosen.note else [])

    def _of_base(self) -> _Parts:
        model = self._store.resolve(self._asked.base)
        defaults = msgspec.structs.replace(model.defaults or ModelDefaults(), base=model.name)
        files = self._store.lent_files(model, self._hold.keep)
        return _Parts(files, model.facts, model.source, [], defaults)

    def _of_files(self) -> _Parts:
        by_role: dict[str, list[SourceFile]] = {role: [] for role in _KINDS.values()}
        for source in sorted(self._asked.files, key=lambda file: file.name):
            by_role[self._role(source)].append(source)
        weights, projectors = by_role[WEIGHTS], by_role[PROJECTOR][:1]
        if not weights:
            raise InvalidRequest("files: none of them is a model's weights", field="files")
        if any(source.path for source in weights):
            files, facts, _, origin = local_model.take(
                self._store.files,
                self._path(weights[0]),
                projector=self._path(projectors[0]) if projectors else None,
                keep=self._hold.keep,
            )
            self._check_one_model(weights, files)
        else:
            files = [self._blob(source, WEIGHTS) for source in weights]
            files += [self._blob(source, PROJECTOR) for source in projectors]
            facts, origin = self._store.facts_of(files, self._hold.key), ""
        return _Parts(files, facts, origin, by_role[ADAPTER], ModelDefaults())

    def _check_one_model(self, weights: Sequence[SourceFile], found: Sequence[ModelFile]) -> None:
        shards = {file.name for file in found}
        for source in weights:
            if Path(source.path).name not in shards:
                raise InvalidRequest(
                    f"files: {source.name} and {weights[0].name} are two models", field="files"
                )

    def _role(self, source: SourceFile) -> str:
        path = self._path(source)
        if path.is_dir():
            raise InvalidRequest(
                f"{path} is a folder", hint="name the GGUF file in it", field="files"
            )
        kind = facts_from([read_header(path)]).kind
        if kind not in _KINDS:
            raise BadModelFile(f"{source.name} is of the kind {kind!r}", path=str(path))
        return _KINDS[kind]

    def _path(self, source: SourceFile) -> Path:
        if source.sha256:
            return self._find(source.sha256)
        if not source.path:
            raise InvalidRequest(f"{source.name}: needs a hash or a path", field="files")
        path = Path(source.path)
        if not path.exists():
            raise ModelNotFound(f"{path}: no such file", model=source.path)
        return path

    def _blob(self, source: SourceFile, role: str) -> ModelFile:
        path, digest = self._path(source), digests.PREFIX + source.sha256
        self._hold.keep(digest)
        link_in(self._store.blobs, path, digest)
        return ModelFile(name=source.name, digest=digest, size=path.stat().st_size, role=role)

    def _fitting(
        self, files: list[ModelFile], facts: Facts, sources: Sequence[SourceFile]
    ) -> list[ModelFile]:
        """The adapters that are added, seen to fit."""
        if not sources:
            return []
        name = self._asked.model
        base = self._store.located(
            Model(name=name, digest=identity(facts.format, files), files=files, facts=facts)
        )
        return [self._adapter(source, base) for source in sources]

    def _adapter(self, source: SourceFile, base: Model) -> ModelFile:
        if not source.sha256 and not source.path:
            adapter = self._store.resolve_adapter(source.name)
            file = msgspec.structs.replace(adapter.files[0], role=ADAPTER)
            file = file if file.linked else msgspec.structs.replace(file, path="")
        else:
            path = self._path(source)
            facts = facts_of([path])
            if facts.kind != "adapter":
                raise BadModelFile(f"{source.name} is not an adapter but a {facts.kind}")
            digest = digests.PREFIX + source.sha256
            if source.sha256:
                self._hold.keep(digest)
                link_in(self._store.blobs, path, digest)
            else:
                digest = copy_in(self._store.blobs, path, keep=self._hold.keep)
            name = Path(source.name).name
            file = ModelFile(name=name, digest=digest, size=path.stat().st_size, role=ADAPTER)
            located = msgspec.structs.replace(file, path=str(self._store.blobs.path(digest)))
            adapter = Model(name=name, digest=digest, files=[located], facts=facts)
        self._adapters.check(adapter, base)
        if not file.linked:
            self._hold.keep(file.digest)
        return file
