"""The SQLite file under stored responses and conversations: its tables, and their items."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ingle.database import Database
from ingle.wire.openai.response_calls import Item

_SCHEMA = """
CREATE TABLE IF NOT EXISTS responses (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    response BLOB NOT NULL,
    conversation BLOB NOT NULL,
    size INTEGER NOT NULL,
    inputs INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS conversations (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    metadata BLOB NOT NULL,
    size INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS items (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    item BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS items_of ON items (owner);
CREATE INDEX IF NOT EXISTS items_by_id ON items (id);
"""
_FROM_0_1 = """
ALTER TABLE responses DROP COLUMN turns;
ALTER TABLE responses ADD COLUMN inputs INTEGER NOT NULL DEFAULT 0;
"""
"""What was asked lay in a column of messages; such responses are continued, but list no items."""


class ResponseDatabase:
    """One connection behind a lock. Methods block for a moment and may be called from any thread.

    Args:
        path: The file; None keeps everything in memory only.
    """

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = Database(path, threads=True, prepare=_prepare)

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """All that is changed inside, or nothing of it."""
        with self._lock, self._database.using() as connection, connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """What is read inside belongs together."""
        with self._lock, self._database.using() as connection:
            yield connection

    def items(self, connection: sqlite3.Connection, owner: str) -> list[Item]:
        """The items of a response or conversation, in their order."""
        rows = connection.execute(
            "SELECT item FROM items WHERE owner = ? ORDER BY number", (owner,)
        )
        return [msgspec.json.decode(row[0], type=Item) for row in rows]

    def add_items(self, connection: sqlite3.Connection, owner: str, items: Sequence[Item]) -> int:
        """Add items after those that are there; how many bytes they are."""
        size = 0
        for item in items:
            data = msgspec.json.encode(item)
            row = connection.execute(
                "INSERT INTO items (owner, id, item) VALUES (?, ?, zeroblob(?))",
                (owner, str(item["id"]), len(data)),
            ).lastrowid
            write_blob(connection, ("items", "item", row or 0), data)
            size += len(data)
            del data  # the next one may be as large
        return size

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()


def write_blob(connection: sqlite3.Connection, at: tuple[str, str, int], data: bytes) -> None:
    """Fill a column (table, column, row) that has zeros of this length. As a parameter of a
    statement it would be copied twice."""
    with connection.blobopen(*at) as blob:
        blob.write(data)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.isolation_level = "DEFERRED"
    with connection:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(responses)")}
        connection.executescript(_FROM_0_1 if "turns" in columns else "")
        connection.executescript(_SCHEMA)
