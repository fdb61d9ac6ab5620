"""The database of the peers room: who is paired, invites, grants, what was used.

Every noun has its table and its module; this one only opens the file. All
writes are single statements or one transaction, so a crash leaves no half.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingle.database import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS peer (
    key BLOB PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    called TEXT NOT NULL,
    places TEXT NOT NULL DEFAULT '[]',
    fixed TEXT NOT NULL DEFAULT '[]',
    relay TEXT NOT NULL DEFAULT '',
    paired REAL NOT NULL,
    seen REAL NOT NULL DEFAULT 0,
    way TEXT NOT NULL DEFAULT '',
    models TEXT NOT NULL DEFAULT '[]'
);
CREATE TABLE IF NOT EXISTS invite (
    hash BLOB PRIMARY KEY,
    expires REAL NOT NULL,
    preset TEXT NOT NULL,
    used_by BLOB
);
CREATE TABLE IF NOT EXISTS grant_given (
    id TEXT PRIMARY KEY,
    subject BLOB NOT NULL,
    signed BLOB NOT NULL,
    revoked INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS grant_held (
    id TEXT PRIMARY KEY,
    issuer BLOB NOT NULL,
    chain BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS usage (
    grant_id TEXT NOT NULL,
    day INTEGER NOT NULL,
    tokens INTEGER NOT NULL DEFAULT 0,
    requests INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (grant_id, day)
);
CREATE TABLE IF NOT EXISTS reservation (
    id INTEGER PRIMARY KEY,
    grant_id TEXT NOT NULL,
    day INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    spent INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS spent (
    grant_id TEXT NOT NULL,
    day INTEGER NOT NULL,
    unit TEXT NOT NULL,
    amount REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (grant_id, day, unit)
);
CREATE TABLE IF NOT EXISTS set_aside (
    id INTEGER PRIMARY KEY,
    grant_id TEXT NOT NULL,
    day INTEGER NOT NULL,
    unit TEXT NOT NULL,
    amount REAL NOT NULL,
    spent REAL NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS latest (id INTEGER PRIMARY KEY CHECK (id = 1), time REAL NOT NULL);
"""


class PeerDatabase:
    """The open database."""

    def __init__(self, path: Path | None) -> None:
        """Open it. Without a path it lives in memory, as simulations need it."""
        self._database = Database(path, _SCHEMA)

    def run(self, statement: str, *values: object) -> sqlite3.Cursor:
        """One statement."""
        with self._database.using() as connection:
            return connection.execute(statement, values)

    @contextmanager
    def together(self) -> Iterator[None]:
        """All or nothing; and no one else writes in between."""
        self.run("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.run("ROLLBACK")
            raise
        self.run("COMMIT")

    def empty(self) -> None:
        """Forget everything."""
        tables = [name for (name,) in self.run("SELECT name FROM sqlite_master WHERE type='table'")]
        with self.together():
            for table in tables:
                self.run(f"DELETE FROM {table}")  # noqa: S608 (names of our own tables)

    def close(self) -> None:
        """Close it."""
        self._database.close()
