"""`VectorStoreRecords`: what OpenAI's vector stores have beside collections, on the disk.

Files that clients sent, as ``uploads/ID/NAME`` in the node's folder, so that a file's place in a
collection says its id; names and metadata of stores; which file goes into which store, and how far
that is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ingle.database import Database
from ingle.errors import InvalidRequest, NotFound, QuotaFull
from ingle.server import answer_ids
from ingle.wire.openai.client_files import ClientFile
from ingle.wire.openai.vector_stores import StoreFile, StoreRecord

UPLOADS = "uploads"
MOST_FILE_BYTES = 512 << 20
MOST_BYTES = 64 << 30
"""Of all files together."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS file (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, purpose TEXT NOT NULL, size INTEGER NOT NULL,
    created INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS store (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, description TEXT, created INTEGER NOT NULL,
    metadata TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS store_file (
    number INTEGER PRIMARY KEY, store TEXT NOT NULL, file TEXT NOT NULL, batch TEXT NOT NULL,
    created INTEGER NOT NULL, size INTEGER NOT NULL, status TEXT NOT NULL, problem TEXT NOT NULL,
    attributes TEXT NOT NULL, tokens INTEGER NOT NULL, overlap INTEGER NOT NULL,
    UNIQUE (store, file)
);
CREATE TABLE IF NOT EXISTS batch (
    id TEXT PRIMARY KEY, store TEXT NOT NULL, created INTEGER NOT NULL
);
"""
_ADD = """
INSERT OR REPLACE INTO store_file
    (batch, store, file, created, size, status, problem, attributes, tokens, overlap)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_FILES = """
SELECT store, file, created, size, status, problem, attributes, tokens, overlap
FROM store_file WHERE store = ? AND ? IN ('', batch) AND ? IN ('', status) ORDER BY number
"""


def file_id(place: str) -> str:
    """The id of a file of a collection: that of an upload, or one made of its place."""
    path = Path(place)
    if path.parent.parent.name == UPLOADS and path.parent.name.startswith("file-"):
        return path.parent.name
    return f"file-{hashlib.sha256(place.encode()).hexdigest()[:24]}"


class VectorStoreRecords:
    """The records of a node. Methods block for a moment and may be called from any thread.

    Args:
        state: the node's folder.
    """

    def __init__(self, state: Path) -> None:
        self.folder = state / UPLOADS
        self._lock = threading.Lock()
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = Database(state / "vector_stores.sqlite", _SCHEMA, threads=True)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._database.using() as connection, connection:
            yield connection

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._changing() as connection:
            return connection.execute(sql, values).fetchall()

    # -- files -----------------------------------------------------------------------------------

    def add_file(self, source: Path, name: str, purpose: str, size: int) -> ClientFile:
        """Keep a file that was sent; it is moved.

        Raises:
            InvalidRequest: it has no proper name, or is too large.
            QuotaFull: there is too much already.
        """
        if not name or name.startswith(".") or "/" in name or not name.isprintable():
            raise InvalidRequest("file: it needs a proper name", field="file")
        if size > MOST_FILE_BYTES:
            raise InvalidRequest(f"file: it has more than {MOST_FILE_BYTES} bytes", field="file")
        with self._changing() as connection:
            (kept,) = connection.execute("SELECT coalesce(sum(size), 0) FROM file").fetchone()
            if kept + size > MOST_BYTES:
                raise QuotaFull(
                    f"files take {kept} bytes, and may take {MOST_BYTES}",
                    hint="delete files that are not needed: DELETE /v1/files/ID",
                )
            found = ClientFile(answer_ids.new("file"), name, purpose, size, int(time.time()))
            folder = self.folder / found.id
            folder.mkdir(parents=True, mode=0o700)
            shutil.move(source, folder / name)
            connection.execute("INSERT INTO file VALUES (?, ?, ?, ?, ?)", found)
        return found

    def files(self, purpose: str = "") -> list[ClientFile]:
        """All files, in the order in which they came."""
        rows = self._rows("SELECT * FROM file WHERE ? IN ('', purpose) ORDER BY rowid", purpose)
        return [ClientFile(*row) for row in rows]

    def file(self, identifier: str, field: str = "file_id") -> ClientFile:
        """One of them. Raises NotFound."""
        rows = self._rows("SELECT * FROM file WHERE id = ?", identifier)
        if not rows:
            raise NotFound(f"there is no file {identifier!r}", field=field)
        return ClientFile(*rows[0])

    def path(self, file: ClientFile) -> Path:
        """Where it lies."""
        return self.folder / file.id / file.name

    def delete_file(self, identifier: str) -> list[str]:
        """Delete a file; the stores that had it. Raises NotFound."""
        found = self.file(identifier)
        with self._changing() as connection:
            rows = connection.execute("SELECT store FROM store_file WHERE file = ?", (found.id,))
            stores = [row[0] for row in rows]
            connection.execute("DELETE FROM store_file WHERE file = ?", (found.id,))
            connection.execute("DELETE FROM file WHERE id = ?", (found.id,))
        shutil.rmtree(self.folder / found.id, ignore_errors=True)
        return stores

    # -- stores ----------------------------------------------------------------------------------

    def put_store(self, record: StoreRecord) -> None:
        """Keep what is known of a store."""
        values = (*record[:4], json.dumps(record.metadata))
        with self._changing() as connection:
            connection.execute("INSERT OR REPLACE INTO store VALUES (?, ?, ?, ?, ?)", values)

    def stores(self) -> dict[str, StoreRecord]:
        """All that is known of stores, by id, in the order in which they were made."""
        rows = self._rows("SELECT * FROM store ORDER BY rowid")
        return {row[0]: StoreRecord(*(*row[:4], json.loads(row[4]))) for row in rows}

    def delete_store(self, identifier: str) -> None:
        """Forget a store. Its files stay."""
        with self._changing() as connection:
            connection.execute("DELETE FROM store WHERE id = ?", (identifier,))
            connection.execute("DELETE FROM store_file WHERE store = ?", (identifier,))
            connection.execute("DELETE FROM batch WHERE store = ?", (identifier,))

    def put_batch(self, store: str) -> tuple[str, int]:
        """A new batch: its id, and when it was made."""
        found = answer_ids.new("vsfb").replace("-", "_"), int(time.time())
        with self._changing() as connection:
            connection.execute("INSERT INTO batch VALUES (?, ?, ?)", (found[0], store, found[1]))
        return found

    def batch(self, store: str, identifier: str) -> int:
        """When a batch was made. Raises NotFound."""
        rows = self._rows("SELECT created FROM batch WHERE id = ? AND store = ?", identifier, store)
        if not rows:
            raise NotFound(f"there is no file batch {identifier!r}", field="batch_id")
        return int(rows[0][0])

    # -- files of stores -------------------------------------------------------------------------

    def add_to_store(self, files: Iterable[StoreFile], batch: str = "") -> None:
        """Files are to go into a store; one that is there goes in again."""
        with self._changing() as connection:
            connection.executemany(
                _ADD,
                [
                    (batch, *file[:6], json.dumps(file.attributes), *file[7:])
                    for file in files
                ],
            )  # fmt: skip

    def store_files(self, store: str, batch: str = "", status: str = "") -> list[StoreFile]:
        """The files of a store, in the order in which they were added."""
        rows = self._rows(_FILES, store, batch, status)
        return [StoreFile(*(*row[:6], json.loads(row[6]), *row[7:])) for row in rows]

    def pending_stores(self) -> list[str]:
        """Stores that files are to go into."""
        rows = self._rows("SELECT DISTINCT store FROM store_file WHERE status = 'in_progress'")
        return [row[0] for row in rows]

    def settle(self, store: str, problems: dict[str, str]) -> None:
        """Files were read: why not, for each; empty where it is in the store."""
        with self._changing() as connection:
            connection.executemany(
                "UPDATE store_file SET status = ?, problem = ?"
                " WHERE store = ? AND file = ? AND status = 'in_progress'",
                [
                    ("failed" if problem else "completed", problem, store, file)
                    for file, problem in problems.items()
                ],
            )

    def cancel(self, store: str, batch: str) -> None:
        """What of a batch is still to come does not."""
        with self._changing() as connection:
            connection.execute(
                "UPDATE store_file SET status = 'cancelled'"
                " WHERE store = ? AND batch = ? AND status = 'in_progress'",
                (store, batch),
            )

    def set_attributes(self, store: str, file: str, attributes: dict[str, Any]) -> None:
        """What is said of a file in a store."""
        with self._changing() as connection:
            connection.execute(
                "UPDATE store_file SET attributes = ? WHERE store = ? AND file = ?",
                (json.dumps(attributes), store, file),
            )

    def remove_from_store(self, store: str, file: str) -> None:
        """A file is no longer of a store."""
        with self._changing() as connection:
            connection.execute("DELETE FROM store_file WHERE store = ? AND file = ?", (store, file))
