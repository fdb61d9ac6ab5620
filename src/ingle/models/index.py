"""The store's index: which names there are and which files they stand for, in SQLite.

Names are rows here, never paths. SQLite's lock is also the lock between
processes: a blob is only added or deleted inside `Index.write`, so a
name never points to a blob that another process is deleting.

The index runs in SQLite's default journal mode, not WAL: it is written a few
times a day, and must also work on file systems without shared memory.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ingle.errors import StorageError
from ingle.models.model import Model

if TYPE_CHECKING:
    import sqlite3

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


def _decoded(record: object) -> Model | None:
    """The record, or None if it is damaged."""
    try:
        return _decode(record) if isinstance(record, bytes | str) else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


class IndexTransaction:
    """The index inside one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

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
        model = _decoded(row[0])
        if model is None:
            raise StorageError(
                f"the record of the {kind} {key} is damaged", hint="ingle doctor --repair"
            )
        return model

    def all(self, kind: str) -> list[Model]:
        """All records of a kind that can be read, newest first; see `damaged`."""
        rows = self._db.execute("SELECT record FROM names WHERE kind = ?", (kind,))
        found = (_decoded(row[0]) for row in rows)
        return sorted((model for model in found if model), key=lambda model: -model.added)

    def damaged(self) -> list[tuple[str, str, bytes]]:
        """Records that cannot be read: kind, key and what stands there."""
        rows = self._db.execute("SELECT kind, key, record FROM names")
        return [
            (str(kind), str(key), bytes(record) if isinstance(record, bytes) else b"")
            for kind, key, record in rows
            if _decoded(record) is None
        ]

    def put(self, kind: str, key: str, model: Model) -> None:
        """Write or replace the record under a key."""
        self._db.execute("REPLACE INTO names VALUES (?, ?, ?)", (kind, key, _encode(model)))

    def delete(self, kind: str, key: str) -> None:
        """Forget a key."""
        self._db.execute("DELETE FROM names WHERE kind = ? AND key = ?", (kind, key))

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
        database.connect(path, wal=False).close()  # set aside and restored, if it is damaged
        with self._connection() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                raise StorageError(
                    f"{path} was written by a newer ingle (format {version})",
                    hint="pip install --upgrade ingle",
                )
            if version < _VERSION:
                connection.executescript(f"{_SCHEMA} PRAGMA user_version = {_VERSION};")

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
            yield IndexTransaction(connection)
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
            yield IndexTransaction(connection)
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
