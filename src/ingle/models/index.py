"""The store's index: which names there are and which files they stand for, in SQLite.

Names are rows here, never paths. SQLite's lock is also the lock between
processes: a blob is only added or deleted inside `Index.write`, so a
name never points to a blob that another process is deleting.

What each name stands for is also in a file of its own (`NameRecords`). An index that was lost, or
damaged and set aside, is built again from these files, and from its last copy where one of them is
damaged.

The index runs in SQLite's default journal mode, not WAL: it is written a few
times a day, and must also work on file systems without shared memory.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ingle.errors import StorageError
from ingle.models.model import Model
from ingle.models.name_records import NameRecord, NameRecords

if TYPE_CHECKING:
    import sqlite3

log = logging.getLogger(__name__)

MODEL = "model"
ADAPTER = "adapter"
JOURNAL_ROOM = 2**20
"""Bytes that a journal of the index may take."""
_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS names (
    kind   TEXT NOT NULL,
    key    TEXT NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS hashes (
    path     TEXT PRIMARY KEY,
    size     INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    digest   TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pins (
    digest TEXT NOT NULL,
    pull   TEXT NOT NULL,
    PRIMARY KEY (digest, pull)
) WITHOUT ROWID;
"""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Model).decode


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The format of an index.

    Raises:
        StorageError: it is newer than this program.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise StorageError(
            f"{path} was written by a newer ingle (format {version})",
            hint="pip install --upgrade ingle",
        )
    return int(version)


def decoded(record: object) -> Model | None:
    """The record, or None if it is damaged."""
    try:
        return _decode(record) if isinstance(record, bytes | str) else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


class IndexTransaction:
    """The index inside one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self.changed: dict[tuple[str, str], bytes | None] = {}
        """The records that were written, or None where one was deleted, by kind and key."""

    def get(self, kind: str, key: str) -> Model | None:
        """The record under a key, or None.

        Raises:
            StorageError: it is damaged.
        """
        row = self._db.execute(
            "SELECT record FROM names WHERE kind = ? AND key = ?", (kind, key)
        ).fetchone()
        if row is None:
            return None
        model = decoded(row[0])
        if model is None:
            raise StorageError(
                f"the record of the {kind} {key} is damaged", hint="ingle doctor --repair"
            )
        return model

    def all(self, kind: str) -> list[Model]:
        """All records of a kind that can be read, newest first; see `damaged`."""
        rows = self._db.execute("SELECT record FROM names WHERE kind = ?", (kind,))
        found = (decoded(row[0]) for row in rows)
        return sorted((model for model in found if model), key=lambda model: -model.added)

    def damaged(self) -> list[tuple[str, str, bytes]]:
        """Records that cannot be read: kind, key and what stands there."""
        rows = self._db.execute("SELECT kind, key, record FROM names")
        return [
            (str(kind), str(key), bytes(record) if isinstance(record, bytes) else b"")
            for kind, key, record in rows
            if decoded(record) is None
        ]

    def rows(self) -> list[NameRecord]:
        """All records that can be read, as they are."""
        rows = self._db.execute("SELECT kind, key, CAST(record AS BLOB) FROM names")
        return [NameRecord(*row) for row in rows if decoded(row[2]) is not None]

    def put(self, kind: str, key: str, model: Model) -> None:
        """Write or replace the record under a key."""
        record = _encode(model)
        self._db.execute("REPLACE INTO names VALUES (?, ?, ?)", (kind, key, record))
        self.changed[kind, key] = record

    def delete(self, kind: str, key: str) -> None:
        """Forget a key."""
        self._db.execute("DELETE FROM names WHERE kind = ? AND key = ?", (kind, key))
        self.changed[kind, key] = None

    def named(self) -> set[str]:
        """The digests of all blobs that some name needs.

        Raises:
            StorageError: a record is damaged, so that what it needs is not known.
        """
        for kind, key, _ in self.damaged():
            raise StorageError(
                f"nothing is deleted while the record of the {kind} {key} is damaged",
                hint="ingle doctor --repair",
            )
        records = self.all(MODEL) + self.all(ADAPTER)
        return {digest for model in records for digest in model.blobs}

    def viewed(self) -> set[str]:
        """The digests of models of blobs that have a name, or are about to get one."""
        return {model.digest for model in self.all(MODEL) if model.blobs} | self.pins().keys()

    def hash_of(self, path: str, size: int, mtime_ns: int) -> str:
        """The digest found earlier for an unchanged file, or empty."""
        row = self._db.execute(
            "SELECT digest FROM hashes WHERE path = ? AND size = ? AND mtime_ns = ?",
            (path, size, mtime_ns),
        ).fetchone()
        return "" if row is None else str(row[0])

    def put_hash(self, path: str, size: int, mtime_ns: int, digest: str) -> None:
        """Remember a file's digest."""
        self._db.execute("REPLACE INTO hashes VALUES (?, ?, ?, ?)", (path, size, mtime_ns, digest))

    def forget_hash(self, path: str) -> None:
        """A file is not what it was."""
        self._db.execute("DELETE FROM hashes WHERE path = ?", (path,))

    def pin(self, digest: str, pull: str) -> None:
        """Keep a blob (or a view) that has no name yet: its pull is not over."""
        self._db.execute("INSERT OR IGNORE INTO pins VALUES (?, ?)", (digest, pull))

    def unpin(self, pull: str) -> None:
        """The pull is over (or given up)."""
        self._db.execute("DELETE FROM pins WHERE pull = ?", (pull,))

    def pins(self) -> dict[str, str]:
        """Pinned digest (of a blob, or of a model whose view is in use) to its pull."""
        return {str(digest): str(pull) for digest, pull in self._db.execute("SELECT * FROM pins")}


class Index:
    """The file ``index.sqlite3``. Safe between threads and processes; a kill loses nothing."""

    def __init__(self, path: Path) -> None:
        from ingle import database

        self.path = path
        self.records = NameRecords(path.with_name("names"))
        database.connect(path, wal=False, restore=False).close()  # set aside, if it is damaged
        with self._connection() as connection:
            if _version(connection, path) < _VERSION:
                self._build(connection)
        if not self.records.folder.exists():  # an older ingle made the index
            try:
                self.match_records()
            except StorageError as error:  # a disk that is full or read-only is read as it is
                log.warning("the records of names were not written: %s", error)

    def match_records(self) -> None:
        """Make the records' files what the index says. Called at each start, since a kill or an
        older ingle may have left them as they were before the last change.

        Raises:
            DiskFull, StorageError: they cannot be written.
        """
        with self.write() as rows:
            damaged = [(kind, key) for kind, key, _ in rows.damaged()]
            self.records.match(rows.rows(), damaged)

    def _build(self, connection: sqlite3.Connection) -> None:
        """Fill a new index with what one that was lost can be built from."""
        connection.executescript(_SCHEMA)
        connection.execute("BEGIN IMMEDIATE")
        if _version(connection, self.path) == _VERSION:  # another process was faster
            connection.execute("ROLLBACK")
            return
        copied = self._copied(connection)
        built = [row for row in self.records.all() if decoded(row.record) is not None]
        connection.executemany("REPLACE INTO names VALUES (?, ?, ?)", built)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")
        if built or copied:
            log.warning(
                "%s was lost: %s names are from %s, %s from its last copy",
                self.path, len(built), self.records.folder, copied,
            )  # fmt: skip

    def _copied(self, connection: sqlite3.Connection) -> int:
        """Take over what the last copy has: of the names only those whose record is damaged, since
        one without a file was removed. Returns how many these are.
        """
        import sqlite3

        from ingle import database

        backup = self.path.with_name(self.path.name + database.BACKUP)
        if not backup.exists() or not database.is_sound(backup):
            return 0
        uri = f"{backup.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as copy:
            if _version(copy, backup) < _VERSION:
                return 0
            hashes, pins = copy.execute("SELECT * FROM hashes"), copy.execute("SELECT * FROM pins")
            connection.executemany("INSERT OR IGNORE INTO hashes VALUES (?, ?, ?, ?)", hashes)
            connection.executemany("INSERT OR IGNORE INTO pins VALUES (?, ?)", pins)
            missing = [
                row
                for row in IndexTransaction(copy).rows()
                if not self.records.folder.exists()
                or (self.records.has(row.kind, row.key) and not self.records.get(row.kind, row.key))
            ]
        connection.executemany("INSERT OR IGNORE INTO names VALUES (?, ?, ?)", missing)
        return len(missing)

    @contextlib.contextmanager
    def read(self) -> Iterator[IndexTransaction]:
        """A consistent view.

        Raises:
            StorageError: the index cannot be read.
        """
        with self._connection() as connection:
            connection.execute("BEGIN")
            yield IndexTransaction(connection)

    @contextlib.contextmanager
    def write(self) -> Iterator[IndexTransaction]:
        """A transaction that no other process's write overlaps. Committed if the block ends well.

        Raises:
            DiskFull: no room.
            StorageError: the index cannot be written.
        """
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            rows = IndexTransaction(connection)
            yield rows
            self.records.write(rows.changed)
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def forget(self) -> Iterator[IndexTransaction]:
        """As `write`, for what frees space: it works on a full disk, where there is no room for a
        journal. A power cut within that millisecond may damage the file, of which there is a copy.
        """
        with self._connection() as connection:
            if shutil.disk_usage(self.path.parent).free < JOURNAL_ROOM:
                connection.execute("PRAGMA journal_mode=MEMORY")
            connection.execute("BEGIN IMMEDIATE")
            rows = IndexTransaction(connection)
            yield rows
            self.records.write(rows.changed)
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        import sqlite3

        from ingle import database

        # One connection per transaction: nothing is shared between threads, and
        # a fork inherits none. Opening costs a tenth of a millisecond.
        with (
            database.typed(self.path),
            contextlib.closing(
                sqlite3.connect(self.path, timeout=30, isolation_level=None)
            ) as connection,
        ):
            yield connection
