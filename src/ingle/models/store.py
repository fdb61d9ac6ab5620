"""The store: models by name on this disk, each blob once, every byte verified by hash."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ingle.capabilities.store.operation import DiskUsage, ModelDetails, ModelSummary, Pruned
from ingle.errors import (
    AdapterNotFound,
    BadModelFile,
    IntegrityError,
    InvalidRequest,
    ModelNotFound,
    StorageError,
)
from ingle.models import index, shards, space
from ingle.models.blobs import Blobs
from ingle.models.embedded import embedded_files
from ingle.models.facts import Facts, facts_of
from ingle.models.local import LocalFiles, OnBytes, check_present
from ingle.models.model import EMBEDDED, PROJECTOR, WEIGHTS, Model, ModelFile
from ingle.models.nearest import nearest, or_nearest
from ingle.models.ref import ModelRef, part_from

ADAPTER_MARK = "+"
"""Before an adapter's name where models and adapters are named together."""


class Store:
    """Models and adapters under one folder. Safe between threads and processes.

    ::

        <root>/index.sqlite3       names, hashes of linked files
        <root>/blobs/sha256-<hex>  the files
        <root>/partial/            downloads on their way
        <root>/views/              shards under the names that the engine expects

    All methods touch only the disk and are meant for a thread where the files
    are large (`add_path` hashes); downloads are `ingle.models.pull.pull`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.blobs = Blobs(root)
        except OSError as error:
            raise StorageError(f"{root}: {error.strerror}", hint="ingle doctor") from error
        self.index = index.Index(root / "index.sqlite3")
        self._files = LocalFiles(self.blobs, self.index)
        self._embedded: dict[tuple[str, int, int], Model] = {}

    # -- names ---------------------------------------------------------------

    def resolve(self, name: str) -> Model:
        """The model behind a name, its files checked to be there and unchanged.

        Raises:
            InvalidRequest: ``name`` is no model name.
            ModelNotFound: no such model; names the nearest and how to get it.
            BadModelFile: a linked file has changed or is gone.
        """
        ref = ModelRef.parse(name)
        model = self.embedded().get(ref.key) or self._record(index.MODEL, ref)
        if model is None:
            raise self._not_found(ref)
        if ref.digest and ref.digest != model.digest:
            raise ModelNotFound(
                f"{ref.short} is here with the digest {model.digest}, not {ref.digest}",
                hint=f"ingle show {ref.short}",
                model=name,
            )
        return model

    def models(self) -> list[ModelSummary]:
        """All models, newest first, the embedded ones last."""
        with self.index.read() as rows:
            named = rows.all(index.MODEL)
        return [model.summary() for model in (*named, *self.embedded().values())]

    def details(self, name: str) -> ModelDetails:
        """All that is known of a model. Raises as `resolve`."""
        return self.resolve(name).details()

    def copy(self, name: str, to: str) -> Model:
        """Give a model a second name. No bytes are copied (but an embedded model's few).

        Raises:
            InvalidRequest: ``to`` is no name, or that of an embedded model.
            ModelNotFound: as `resolve`.
        """
        model = self.resolve(name)
        if model.embedded:
            return self.add_path(model.path, to, link=False, source=f"copy of {model.name}")
        # As the index keeps them: blobs without a path.
        files = [f if f.linked else msgspec.structs.replace(f, path="") for f in model.files]
        return self.record(to, files, model.facts, model.source)

    def remove(self, name: str) -> str:
        """Forget a name; blobs that no other name needs go with it.

        Returns:
            One sentence that says what was freed.

        Raises:
            InvalidRequest: the model is embedded.
            ModelNotFound: no such model.
        """
        ref = ModelRef.parse(name)
        if ref.key in self.embedded():
            raise _part_of_the_package(ref)
        with self.index.write() as rows:
            model = rows.get(index.MODEL, ref.key)
            if model is not None and ref.digest in ("", model.digest):
                rows.delete(index.MODEL, ref.key)
            else:
                model = None
        if model is None:
            raise self._not_found(ref)
        freed = space.sweep(self.blobs, self.index, model.blobs)
        kept = "; its linked files are left where they are" if model.linked else ""
        return f"removed {model.name}, freed {freed / 2**20:.1f} MiB{kept}"

    def record(
        self, name: str, files: list[ModelFile], facts: Facts, source: str, pull: str = ""
    ) -> Model:
        """Give verified files a name (replacing what had it).

        Args:
            pull: The pull whose pins end with this.

        Raises:
            InvalidRequest: ``name`` is no name, or that of an embedded model.
            StorageError: a blob among the files is gone.
        """
        ref = ModelRef.parse(name)
        if ref.key in self.embedded():
            raise _part_of_the_package(ref)
        return self._put(index.MODEL, ref, files, facts, source, pull)

    def forget_pull(self, pull: str, digests: set[str]) -> None:
        """Give up a pull whose files are no model: they go, unless a name needs them."""
        with self.index.write() as rows:
            rows.unpin(pull)
        space.sweep(self.blobs, self.index, digests)

    # -- import from this disk -----------------------------------------------

    def add_path(
        self,
        path: Path,
        name: str = "",
        *,
        link: bool = True,
        source: str = "",
        projector: Path | None = None,
        expected: str = "",
        on_bytes: OnBytes | None = None,
    ) -> Model:
        """Take in a GGUF file, or a folder with one model (shards, projector).

        Args:
            name: Its name here; from the file's name if empty.
            link: Use the files where they lie, without a copy. They are hashed
                now; later a change of size or time shows at once.
            source: What `list` shows as its origin; the path if empty.
            projector: An image projector that lies elsewhere.
            expected: The digest that the first file must have; empty: any.
            on_bytes: Told of progress.

        Raises:
            ModelNotFound: there is nothing at ``path``.
            BadModelFile: it is not a model, or a shard is missing.
            IntegrityError: the first file's digest is not ``expected``.
            InvalidRequest: the folder holds several models; or a bad name.
            DiskFull: no room for the copy.
        """
        path = Path(os.path.abspath(path))  # noqa: PTH100 - must not follow links: names matter
        if not path.exists():
            raise ModelNotFound(f"{path}: no such file", model=str(path))
        found = shards.find(path)
        try:
            facts = facts_of(found.weights)
            if facts.kind != "model":
                raise BadModelFile(
                    f"{path.name} is not a model but of the kind {facts.kind!r}",
                    hint="name the model's own file" if facts.kind == "mmproj" else "",
                    path=str(path),
                )
            files = self._files.take(found.weights, WEIGHTS, link=link, on_bytes=on_bytes)
            if expected not in ("", files[0].digest):
                raise IntegrityError(f"{path} is not what it should be: {files[0].digest}")
            projector = projector or found.projector
            if projector is not None:
                facts_of([projector])
                files += self._files.take([projector], PROJECTOR, link=link, on_bytes=on_bytes)
        except OSError as error:
            raise StorageError(f"{error.filename or path}: {error.strerror}") from error
        return self.record(name or part_from(found.stem), files, facts, source or str(path))

    # -- adapters ------------------------------------------------------------

    def add_adapter(self, path: Path, name: str = "", *, link: bool = False) -> Model:
        """Take in a LoRA adapter (a GGUF file whose ``general.type`` is ``adapter``).

        Raises:
            AdapterNotFound: there is nothing at ``path``.
            BadModelFile: it is not an adapter.
        """
        if not path.is_file():
            raise AdapterNotFound(f"{path}: no such file", adapter=str(path))
        facts = facts_of([path])
        if facts.kind != "adapter":
            raise BadModelFile(f"{path.name} is not an adapter but a {facts.kind}", path=str(path))
        ref = ModelRef.parse(name or part_from(path.stem))
        files = self._files.take([path], WEIGHTS, link=link)
        return self._put(index.ADAPTER, ref, files, facts, str(path), "")

    def resolve_adapter(self, name: str) -> Model:
        """The adapter behind a name.

        Raises:
            AdapterNotFound: no such adapter; names the nearest.
        """
        ref = ModelRef.parse(name)
        found = self._record(index.ADAPTER, ref)
        if found is None or (ref.digest and ref.digest != found.digest):
            near = nearest(ref, [model.name for model in self.adapters()])
            raise AdapterNotFound(
                f"no adapter {ref} here{or_nearest(near)}", adapter=name, nearest=near
            )
        return found

    def adapters(self) -> list[Model]:
        """All adapters, newest first."""
        with self.index.read() as rows:
            return rows.all(index.ADAPTER)

    def shared(self, name: str) -> Model:
        """What is shared under a name: a model, or an adapter, whose name there begins with ``+``.

        Raises: as `resolve` and `resolve_adapter`.
        """
        if not name.startswith(ADAPTER_MARK):
            return self.resolve(name)
        found = self.resolve_adapter(name.removeprefix(ADAPTER_MARK))
        return msgspec.structs.replace(found, name=f"{ADAPTER_MARK}{found.name}")

    def forget_adapter(self, name: str) -> None:
        """Forget one name of an adapter. Raises as `resolve_adapter`."""
        found = self.resolve_adapter(name)
        with self.index.write() as rows:
            rows.delete(index.ADAPTER, ModelRef.parse(name).key)
        space.sweep(self.blobs, self.index, {found.digest})

    def name_adapter(self, adapter: Model, name: str) -> Model:
        """Give an adapter that is here another name (replacing what had it)."""
        # As the index keeps them: blobs without a path.
        files = [f if f.linked else msgspec.structs.replace(f, path="") for f in adapter.files]
        ref = ModelRef.parse(name)
        self._put(index.ADAPTER, ref, files, adapter.facts, adapter.source, "", adapter.bases)
        return self.resolve_adapter(name)

    def record_adapter(
        self, name: str, files: list[ModelFile], facts: Facts, source: str, pull: str = ""
    ) -> Model:
        """Give the verified file of an adapter a name. Raises as `record`."""
        return self._put(index.ADAPTER, ModelRef.parse(name), files, facts, source, pull)

    # -- space ---------------------------------------------------------------

    def disk_usage(self) -> DiskUsage:
        """Bytes by kind. ``logs`` is left at 0: the node knows its own."""
        return space.disk_usage(self.root, self.blobs, self.index)

    def prune(self, partials: bool = False, dry_run: bool = False) -> Pruned:
        """Delete blobs without a name and, if asked, interrupted downloads. Live ones stay."""
        return space.prune(self.blobs, self.index, partials=partials, dry_run=dry_run)

    # -- inside --------------------------------------------------------------

    def embedded(self) -> dict[str, Model]:
        """The package's own models by the key of their name."""
        found = {}
        for name, path in embedded_files().items():
            ref, stat = ModelRef.parse(name), path.stat()
            stamp = (str(path), stat.st_size, stat.st_mtime_ns)
            if stamp not in self._embedded:
                file = self._files.hashed(path, WEIGHTS)
                self._embedded[stamp] = Model(
                    name=ref.short,
                    digest=file.digest,
                    files=[file],
                    facts=facts_of([path]),
                    source=EMBEDDED,
                )
            found[ref.key] = self._embedded[stamp]
        return found

    def _put(
        self,
        kind: str,
        ref: ModelRef,
        files: list[ModelFile],
        facts: Facts,
        source: str,
        pull: str,
        bases: Sequence[str] = (),
    ) -> Model:
        model = Model(
            name=ref.short,
            digest=files[0].digest,
            files=files,
            facts=facts,
            source=source,
            added=time.time(),
            bases=list(bases),
        )
        with self.index.write() as rows:
            for file in files:
                if not file.linked and not self.blobs.has(file.digest):
                    raise StorageError(f"{file.digest} vanished from {self.blobs.folder}")
            before = rows.get(kind, ref.key)
            rows.put(kind, ref.key, model)
            rows.unpin(pull)
        if before is not None:
            space.sweep(self.blobs, self.index, before.blobs)
        return self._located(model)

    def _record(self, kind: str, ref: ModelRef) -> Model | None:
        with self.index.read() as rows:
            model = rows.get(kind, ref.key)
        return None if model is None else self._located(model)

    def _located(self, model: Model) -> Model:
        """Fill in where the blobs lie; check that all files are there and unchanged."""
        blobs = [f.digest for f in model.files if f.role == WEIGHTS and not f.linked]
        weights = [file for file in model.files if file.role == WEIGHTS]
        hint = f"ingle pull {model.source}" if model.source else f"ingle rm {model.name}"
        for file in model.files:
            path = Path(file.path) if file.linked else self.blobs.path(file.digest)
            check_present(model.name, file, path, hint)
        views = self.blobs.view(blobs) if len(weights) > 1 and len(blobs) == len(weights) else []
        located = []
        for number, file in enumerate(model.files):
            path = views[number] if number < len(views) else self.blobs.path(file.digest)
            located.append(file if file.linked else msgspec.structs.replace(file, path=str(path)))
        return msgspec.structs.replace(model, files=located)

    def _not_found(self, ref: ModelRef) -> ModelNotFound:
        near = nearest(ref, [model.name for model in self.models()])
        if ref.host:
            get = f"ingle pull {ref.short}"
        else:
            get = f"ingle pull hf.co/{ref.owner or 'OWNER'}/{ref.name}"
        return ModelNotFound(
            f"no model {ref} here{or_nearest(near)}", hint=get, model=str(ref), nearest=near
        )


def _part_of_the_package(ref: ModelRef) -> InvalidRequest:
    return InvalidRequest(
        f"{ref.short} is part of ingle and cannot be removed or replaced",
        hint="choose another name",
        field="model",
    )
