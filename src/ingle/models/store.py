"""The store: models by name on this disk, each blob once, every byte verified by hash."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from ingle.capabilities.store.operation import DiskUsage, ModelDetails, ModelSummary, Pruned
from ingle.errors import (
    AdapterNotFound,
    BadModelFile,
    IntegrityError,
    ModelNotFound,
    StorageError,
)
from ingle.models import (
    catalogue,
    derived_model,
    formats,
    index,
    local_model,
    sibling_template,
    space,
)
from ingle.models.abandoned import remove_abandoned
from ingle.models.blobs import Blobs
from ingle.models.embedded_models import EmbeddedModels
from ingle.models.engine_paths import engine_paths, located
from ingle.models.facts import Facts, facts_of
from ingle.models.file_copy import Keep
from ingle.models.format import TEMPLATE, WEIGHTS
from ingle.models.hold import Hold, held
from ingle.models.local_files import LocalFiles, OnBytes
from ingle.models.model import Model, ModelFile, identity
from ingle.models.nearest import nearest, or_nearest
from ingle.models.ref import ModelRef, part_from

log = logging.getLogger(__name__)

ADAPTER_MARK = "+"
"""Before an adapter's name where models and adapters are named together."""


class Store:
    """Models and adapters under one folder. Safe between threads and processes.

    ::

        <root>/index.sqlite3       names, hashes of linked files
        <root>/names/              the record of each name, should the index be lost
        <root>/blobs/sha256-<hex>  the files
        <root>/partial/            downloads on their way
        <root>/views/              blobs in folders under the names that engines expect

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
        self.files = LocalFiles(self.blobs, self.index)
        self.embedded = EmbeddedModels(self.files)

    # -- names ---------------------------------------------------------------

    def resolve(self, name: str) -> Model:
        """The model behind a name, its files checked to be there and unchanged.

        Raises:
            InvalidRequest: ``name`` is not a model name.
            ModelNotFound: no such model; names the nearest and how to get it.
            BadModelFile: a linked file has changed or is gone.
        """
        ref = ModelRef.parse(name)
        model = self.embedded.all().get(ref.key) or self._record(index.MODEL, ref)
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
        return [model.summary() for model in (*named, *self.embedded.all().values())]

    def details(self, name: str) -> ModelDetails:
        """All that is known of a model. Raises as `resolve`."""
        return self.resolve(name).details()

    def copy(self, name: str, to: str) -> Model:
        """Copy a model to another name. No bytes are copied (but an embedded model's few).

        Raises:
            InvalidRequest: ``to`` is not a name, or that of an embedded model.
            ModelNotFound: as `resolve`.
        """
        model = self.resolve(name)
        source = f"copy of {model.name}" if model.embedded else model.source
        with self.held() as hold:
            files = self.lent_files(model, hold.keep)
            return self.record(to, files, model.facts, source, hold.key)

    def lent_files(self, model: Model, keep: Keep) -> list[ModelFile]:
        """A model's files for another name. The few bytes of an embedded one are copied.

        Raises:
            DiskFull: no room for them.
        """
        if not model.embedded:
            for digest in model.blobs:
                keep(digest)
            return _bare(model.files)
        files = [(file.role, file.name, Path(file.path)) for file in model.files]
        return self.files.take(files, link=False, keep=keep)

    def remove(self, name: str) -> str:
        """Forget a name; blobs that no other name needs go with it.

        Returns:
            One sentence that says what was freed.

        Raises:
            InvalidRequest: the model is embedded.
            ModelNotFound: no such model.
        """
        ref = ModelRef.parse(name)
        self.embedded.check(ref)
        with self.index.forget() as rows:
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
            InvalidRequest: ``name`` is not a name, or that of an embedded model.
            StorageError: a blob among the files is gone.
        """
        ref = self.check_name(name)
        return self._put(index.MODEL, ref, files, facts, source, pull)

    def record_pull(self, name: str, files: list[ModelFile], source: str, pull: str) -> Model:
        """Give what a pull has fetched its name. A chat template among the files becomes one of
        the model's defaults if the weights have none, and is left out otherwise.

        Raises:
            BadModelFile: they are not a model.
            InvalidRequest, StorageError: as `record`.
        """
        templates = [file for file in files if file.role == TEMPLATE]
        files = [file for file in files if file.role != TEMPLATE]
        facts = self.facts_of(files, pull)
        if templates and sibling_template.is_wanted(facts):
            text = sibling_template.read(self.blobs.path(templates[0].digest))
            files = sibling_template.with_template(
                self.blobs, files, text, lambda digest: self._pin(digest, pull)
            )
        model = self.record(name, files, facts, source, pull)
        space.sweep(self.blobs, self.index, {file.digest for file in templates})
        return model

    def _pin(self, digest: str, pull: str) -> None:
        with self.index.write() as rows:
            rows.pin(digest, pull)

    def check_name(self, name: str) -> ModelRef:
        """A name that a model may be given.

        Raises:
            InvalidRequest: it is not a name, or that of an embedded model.
        """
        ref = ModelRef.parse(name)
        self.embedded.check(ref)
        return ref

    def forget_pull(self, pull: str, digests: set[str]) -> None:
        """Give up a pull whose files are not a model: they go, unless a name needs them."""
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
        """Take in a file with those that belong to it (shards), or a folder with one model.

        Args:
            name: Its name here; from the file's name if empty.
            source: What `list` shows as its origin; the path if empty.
            expected: The digest that the first file must have; empty: any.
            link, projector, on_bytes: As `local_model.take`.

        Raises:
            IntegrityError: the first file's digest is not ``expected``.
            InvalidRequest: the folder holds several models; or a bad name.
            ModelNotFound, BadModelFile, DiskFull: as `local_model.take`.
        """
        with self.held() as hold:
            taken = local_model.take(
                self.files, path, link=link, projector=projector, on_bytes=on_bytes, keep=hold.keep
            )
            if expected not in ("", taken.files[0].digest):
                raise IntegrityError(f"{path} is not what it should be: {taken.files[0].digest}")
            name, source = name or taken.name, source or taken.source
            files, first = taken.files, Path(taken.files[0].path)
            if sibling_template.is_wanted(taken.facts) and taken.files[0].linked:
                text = sibling_template.beside(first)
                files = sibling_template.with_template(self.blobs, files, text, hold.keep)
            return self.record(name, files, taken.facts, source, hold.key)

    def held(self) -> AbstractContextManager[Hold]:
        """Keeps blobs that have no name yet, for as long as a block runs; see `Hold`."""
        return held(self.blobs, self.index)

    def facts_of(self, files: Sequence[ModelFile], pull: str) -> Facts:
        """What verified blobs, which are to become a model, say of it.

        Args:
            pull: Whose pin keeps the folder in which they are looked at.

        Raises:
            BadModelFile: they are not a model.
        """
        try:
            first = self.blobs.path(files[0].digest)
            form = formats.of_files([(file.role, file.name) for file in files], first)
            with self.index.write() as rows:
                rows.pin(identity(form.name, files), pull)
            paths = engine_paths(self.blobs, form.name, identity(form.name, files), files)
            pairs = zip(files, paths, strict=True)
            return formats.read(form, [(file.role, path) for file, path in pairs])
        except OSError as error:
            raise StorageError(f"{error.filename}: {error.strerror}") from error

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
        with self.held() as hold:
            files = self.files.take([(WEIGHTS, path.name, path)], link=link, keep=hold.keep)
            return self._put(index.ADAPTER, ref, files, facts, str(path), hold.key)

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
        with self.index.forget() as rows:
            rows.delete(index.ADAPTER, ModelRef.parse(name).key)
        space.sweep(self.blobs, self.index, {found.digest})

    def name_adapter(self, adapter: Model, name: str) -> Model:
        """Give an adapter that is here another name (replacing what had it)."""
        ref, files = ModelRef.parse(name), _bare(adapter.files)
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

    def put_in_order(self) -> None:
        """Remove what killed imports left, and write what is missing of the records of names.
        Called at each start.
        """
        try:
            remove_abandoned(self.blobs, self.index)
            self.index.match_records()
        except (OSError, StorageError) as error:
            log.warning("%s was not put in order: %s", self.root, error)

    def prune(self, partials: bool = False, dry_run: bool = False) -> Pruned:
        """Delete blobs without a name and, if asked, interrupted downloads. Live ones stay."""
        return space.prune(self.blobs, self.index, partials=partials, dry_run=dry_run)

    # -- inside --------------------------------------------------------------

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
        defaults = derived_model.read_defaults(self.blobs, files)
        model = Model(
            name=ref.short,
            digest=identity(facts.format, files),
            files=files,
            facts=derived_model.shown(facts, defaults),
            source=source,
            added=time.time(),
            bases=list(bases),
            defaults=defaults,
        )
        with self.index.write() as rows:
            for file in files:
                if not file.linked and not self.blobs.has(file.digest):
                    raise StorageError(f"{file.digest} disappeared from {self.blobs.folder}")
            before = rows.get(kind, ref.key)
            rows.put(kind, ref.key, model)
            rows.unpin(pull)
        if before is not None:
            space.sweep(self.blobs, self.index, before.blobs)
        return self.located(model)

    def _record(self, kind: str, ref: ModelRef) -> Model | None:
        with self.index.read() as rows:
            model = rows.get(kind, ref.key)
        return None if model is None else self.located(model)

    def located(self, model: Model) -> Model:
        """A model with where its blobs lie. Raises as `engine_paths.located`."""
        return located(self.blobs, model)

    def _not_found(self, ref: ModelRef) -> ModelNotFound:
        near = nearest(ref, [model.name for model in self.models()])
        if ref.host or ref.owner or catalogue.find(ref):
            get = f"ingle pull {ref.short}"
        elif near:
            get = "ingle list"
        else:
            near = nearest(ref, catalogue.names())
            get = f"ingle pull {near[0]}" if near else "ingle recommend"
        return ModelNotFound(
            f"no model {ref} here{or_nearest(near)}", hint=get, model=str(ref), nearest=near
        )


def _bare(files: Sequence[ModelFile]) -> list[ModelFile]:
    """Files as the index keeps them: blobs without a path."""
    return [file if file.linked else msgspec.structs.replace(file, path="") for file in files]
