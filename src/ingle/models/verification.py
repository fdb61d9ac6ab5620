"""`Verification`: reads the store's files again and compares them with their hashes.

A damaged blob is set aside (``sha256-….damaged-1``), so that no model uses it any more. A damaged
file that lies elsewhere is not ours to move: its models are refused until it is taken in again.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from ingle.capabilities.store.operation import StoreVerified
from ingle.database import free_name
from ingle.errors import Cancelled
from ingle.models import digest as digests
from ingle.models.index import ADAPTER, MODEL, IndexTransaction
from ingle.models.model import Model, ModelFile
from ingle.models.ref import ModelRef
from ingle.models.store import ADAPTER_MARK, Store
from ingle.operations.damaged_file import DamagedFile
from ingle.operations.encoded import UNREADABLE

JOURNAL = "verified.json"
JOURNAL_S = 24 * 3600.0
"""How old a journal may be: what was read before that is read again."""
DAMAGED_NS = -1
"""The time of change that a record has of a linked file that is damaged: none has it."""


class StoredFile(NamedTuple):
    """A file of the store that is to be read again."""

    digest: str
    path: Path
    size: int
    linked: bool

    @property
    def key(self) -> str:
        """What it is in a journal."""
        return f"{self.digest} {self.path}"

    def holds(self, file: ModelFile) -> bool:
        """A model's file is this one."""
        same_place = not file.linked or Path(file.path) == self.path
        return (file.digest, file.linked) == (self.digest, self.linked) and same_place


class VerifiedJournal(msgspec.Struct):
    """What a verification that was interrupted has found sound."""

    started: float
    files: dict[str, int] = {}
    """Key of a file to its time of change."""


def stored_files(store: Store, name: str = "") -> list[StoredFile]:
    """The files of a model, or of all models and adapters; each once.

    Raises:
        ModelNotFound, AdapterNotFound: there is no such model, or no such ``+adapter``.
    """
    with store.index.read() as rows:
        every = rows.all(MODEL) + rows.all(ADAPTER)
    if name:
        every = [_record(store, every, name)]
    return [*{file.key: file for model in every for file in files_of(store, model)}.values()]


def files_of(store: Store, model: Model) -> list[StoredFile]:
    """The files of one model, as its record in the index has them."""
    return [
        StoredFile(
            file.digest,
            Path(file.path) if file.linked else store.blobs.path(file.digest),
            file.size,
            file.linked,
        )
        for file in model.files
    ]


class Verification:
    """One pass over some files. `run` once, in a thread; watch the counters meanwhile."""

    def __init__(self, store: Store, files: Iterable[StoredFile]) -> None:
        self._store = store
        self._files = list(files)
        self._stopped = threading.Event()
        self.name = ""
        """Of the file that is being read."""
        self.total = sum(file.size for file in self._files)
        self.completed = 0

    def stop(self) -> None:
        """Have `run` end soon, with `Cancelled`; the next one continues where it was."""
        self._stopped.set()

    def run(self) -> StoreVerified:
        """Read all; what an interrupted pass of the last day has read is not read again.

        Raises:
            Cancelled: it was stopped.
        """
        journal, damaged, skipped = self._journal(), [], 0
        for file in self._files:
            if journal.files.get(file.key) == _changed_ns(file.path):
                skipped += 1
                self.completed += file.size
                continue
            found = self.check(file)
            if found is None:
                journal.files[file.key] = _changed_ns(file.path)
                self._write(journal)
            else:
                damaged.append(found)
        self._path.unlink(missing_ok=True)
        return StoreVerified(
            files=len(self._files), bytes=self.total, before=skipped, damaged=damaged
        )

    def check(self, file: StoredFile) -> DamagedFile | None:
        """Read one file. One that is damaged is set aside; None: it is sound, or no model's.

        Raises:
            Cancelled: it was stopped.
        """
        self.name, before = file.path.name, self.completed

        def told(done: int) -> None:
            self.completed = before + done
            self.pace(done)

        reason = _difference(file, told)
        self.completed = before + file.size
        return _set_aside(self._store, file, reason) if reason else None

    def pace(self, _done: int) -> None:
        """Called after each piece of a file.

        Raises:
            Cancelled: it was stopped.
        """
        if self._stopped.is_set():
            raise Cancelled("the verification was stopped")

    @property
    def _path(self) -> Path:
        return self._store.root / JOURNAL

    def _journal(self) -> VerifiedJournal:
        now = time.time()
        with contextlib.suppress(OSError, *UNREADABLE):
            found = msgspec.json.decode(self._path.read_bytes(), type=VerifiedJournal)
            if 0 <= now - found.started < JOURNAL_S:
                return found
        return VerifiedJournal(now)

    def _write(self, journal: VerifiedJournal) -> None:
        part = self._path.with_name(f"{JOURNAL}.part")
        with contextlib.suppress(OSError):  # a full disk: it is read again then
            part.write_bytes(msgspec.json.encode(journal))
            part.replace(self._path)


def _record(store: Store, every: Collection[Model], name: str) -> Model:
    adapter = name.startswith(ADAPTER_MARK)
    key = ModelRef.parse(name.removeprefix(ADAPTER_MARK)).key
    for model in every:
        if (model.facts.kind == ADAPTER) == adapter and ModelRef.parse(model.name).key == key:
            return model
    return store.shared(name)  # an embedded one; or it says what is near


def _difference(file: StoredFile, told: digests.OnRead) -> str:
    """What is wrong with a file, in words that follow its name; empty: nothing."""
    try:
        _forget_cached(file.path)
        found = digests.of_file(file.path, told)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if found == file.digest else "does not match its hash"


def _forget_cached(path: Path) -> None:
    """Have the disk asked, not what the kernel remembers of it."""
    if not hasattr(os, "posix_fadvise"):
        return
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


def _set_aside(store: Store, file: StoredFile, reason: str) -> DamagedFile | None:
    with store.index.forget() as rows:
        models, adapters = _owners(rows, file)
        if not models and not adapters:
            return None  # it was removed meanwhile
        aside = ""
        if file.linked:
            _refuse(rows, file, models, adapters)
        elif file.path.exists():
            aside = str(file.path.rename(free_name(file.path)))
    return msgspec.structs.replace(_told(file, reason, models, adapters), set_aside=aside)


def lost_files(store: Store) -> list[DamagedFile]:
    """What models and adapters lack, since it was set aside or is refused; nothing is read."""
    lost = []
    for file in stored_files(store):
        with store.index.read() as rows:
            models, adapters = _owners(rows, file)
        refused = any(
            file.holds(one) and one.mtime_ns == DAMAGED_NS
            for model in (*models, *adapters)
            for one in model.files
        )
        if refused or (not file.linked and not file.path.exists()):
            reason = "does not match its hash" if refused else "is missing, or was set aside"
            lost.append(_told(file, reason, models, adapters))
    return lost


def _owners(rows: IndexTransaction, file: StoredFile) -> tuple[list[Model], list[Model]]:
    """The models and the adapters that a file is of."""
    models, adapters = (
        [record for record in rows.all(kind) if any(map(file.holds, record.files))]
        for kind in (MODEL, ADAPTER)
    )
    return models, adapters


def _told(file: StoredFile, reason: str, models: list[Model], adapters: list[Model]) -> DamagedFile:
    return DamagedFile(
        path=str(file.path),
        reason=reason,
        models=[m.name for m in models] + [f"{ADAPTER_MARK}{a.name}" for a in adapters],
        digests=sorted({model.digest for model in models}),
        command=_pull(models[0], file) if models else _add(adapters[0], file),
    )


def _refuse(
    rows: IndexTransaction, file: StoredFile, models: list[Model], adapters: list[Model]
) -> None:
    """Have a linked file's models say that it has changed, and its hash forgotten."""
    rows.forget_hash(str(file.path))
    for kind, found in ((MODEL, models), (ADAPTER, adapters)):
        for model in found:
            files = [
                msgspec.structs.replace(one, mtime_ns=DAMAGED_NS) if file.holds(one) else one
                for one in model.files
            ]
            refused = msgspec.structs.replace(model, files=files)
            rows.put(kind, ModelRef.parse(model.name).key, refused)


def _pull(model: Model, file: StoredFile) -> str:
    """The command that gets a model's files again, as far as its record tells."""
    source = model.source
    if source.startswith(("hf.co/", "http://", "https://")):
        return f"ingle pull {source}"
    if source.startswith("peer:"):
        return f"ingle pull {model.name}@{source.removeprefix('peer:')}"
    if not file.linked and source.startswith("/") and Path(source).exists():
        return f"ingle pull {model.name} --from {source}"
    return f"ingle rm {model.name}, then get it from where it came"


def _add(adapter: Model, file: StoredFile) -> str:
    source = adapter.source
    if not file.linked and source.startswith("/") and Path(source).exists():
        return f"ingle adapter add {source} --name {adapter.name}"
    return f"ingle adapter rm {adapter.name}, then get it from where it came"


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return -1  # no journal has this
