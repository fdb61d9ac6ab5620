"""`ShareDatabase`: what is shared, how much of it was sent, and who is banned, in SQLite."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ingle.capabilities.share.operation import Audience
from ingle.database import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS shares (
    name     TEXT PRIMARY KEY,
    digest   TEXT NOT NULL,
    audience TEXT NOT NULL,
    since    REAL NOT NULL,
    seconds  REAL NOT NULL DEFAULT 0,
    state    TEXT NOT NULL DEFAULT 'shared',
    reason   TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    share    TEXT NOT NULL REFERENCES shares ON DELETE CASCADE,
    number   INTEGER NOT NULL,
    digest   TEXT NOT NULL,
    name     TEXT NOT NULL,
    size     INTEGER NOT NULL,
    role     TEXT NOT NULL,
    uploaded INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (share, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS metainfos (digest TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS bans (address TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
"""


class SharedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a shared model."""

    digest: str
    name: str
    """What it is called at home, relative to the model's folder if that matters."""
    size: int
    role: str
    """As `ModelFile.role`."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A model that is shared."""

    name: str
    digest: str
    audience: Audience
    since: float
    seconds: float = 0.0
    """How long BitTorrent peers could have it so far."""
    state: str = "shared"
    """``shared``, ``ended``, ``suspended``, ``damaged``."""
    reason: str = ""
    uploaded: int = 0
    files: list[SharedFile]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


class ShareDatabase:
    """The file ``shares.sqlite3``: write-ahead log, readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._database = Database(path, _SCHEMA, threads=True, prepare=_hold_references)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def shares(self) -> list[Share]:
        """All, by name."""
        with self._alone():
            rows = self._db.execute(
                "SELECT name, digest, audience, since, seconds, state, reason "
                "FROM shares ORDER BY name"
            ).fetchall()
            return [
                Share(
                    name=name,
                    digest=digest,
                    audience=Audience(audience),
                    since=since,
                    seconds=seconds,
                    state=state,
                    reason=reason,
                    uploaded=self._uploaded(name),
                    files=self._files(name),
                )
                for name, digest, audience, since, seconds, state, reason in rows
            ]

    def put(self, share: Share) -> None:
        """Write or replace a share. What was sent of the same files before stays counted."""
        with self._alone(), self._transaction():
            rows = self._db.execute(
                "SELECT digest, uploaded FROM files WHERE share = ?", (share.name,)
            )
            before = dict(rows.fetchall())
            self._db.execute("DELETE FROM shares WHERE name = ?", (share.name,))
            self._db.execute(
                "INSERT INTO shares VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    share.name,
                    share.digest,
                    str(share.audience),
                    share.since,
                    share.seconds,
                    share.state,
                    share.reason,
                ),
            )
            for number, f in enumerate(share.files):
                self._db.execute(
                    "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (share.name, number, f.digest, f.name, f.size, f.role, before.get(f.digest, 0)),
                )

    def remove(self, name: str) -> None:
        """Forget a share, and the metainfos that no other needs."""
        with self._alone(), self._transaction():
            self._db.execute("DELETE FROM shares WHERE name = ?", (name,))
            self._db.execute("DELETE FROM metainfos WHERE digest NOT IN (SELECT digest FROM files)")

    def set_state(self, name: str, state: str, reason: str = "") -> None:
        """Note that a share ended, was suspended, or continues."""
        with self._alone():
            self._db.execute(
                "UPDATE shares SET state = ?, reason = ? WHERE name = ?", (state, reason, name)
            )

    def count(self, sent: dict[tuple[str, str], int], seconds: dict[str, float]) -> None:
        """Add what was sent (share and file digest to bytes) and how long it was on offer."""
        with self._alone(), self._transaction():
            for (share, digest), uploaded in sent.items():
                self._db.execute(
                    "UPDATE files SET uploaded = uploaded + ? WHERE share = ? AND digest = ?",
                    (uploaded, share, digest),
                )
            for share, more in seconds.items():
                self._db.execute(
                    "UPDATE shares SET seconds = seconds + ? WHERE name = ?", (more, share)
                )

    def metainfo(self, digest: str) -> bytes:
        """Of a file; empty if it was not made yet."""
        with self._alone():
            row = self._db.execute(
                "SELECT data FROM metainfos WHERE digest = ?", (digest,)
            ).fetchone()
            return b"" if row is None else bytes(row[0])

    def put_metainfo(self, digest: str, data: bytes) -> None:
        """Keep the metainfo of a file."""
        with self._alone():
            self._db.execute("REPLACE INTO metainfos VALUES (?, ?)", (digest, data))

    def bans(self) -> list[str]:
        """IP addresses that are banned now."""
        with self._alone():
            self._db.execute("DELETE FROM bans WHERE until < ?", (time.time(),))
            return [str(row[0]) for row in self._db.execute("SELECT address FROM bans")]

    def ban(self, address: str, for_s: float) -> None:
        """Ban an IP address for that many seconds."""
        with self._alone():
            self._db.execute("REPLACE INTO bans VALUES (?, ?)", (address, time.time() + for_s))

    def _files(self, share: str) -> list[SharedFile]:
        rows = self._db.execute(
            "SELECT digest, name, size, role FROM files WHERE share = ? ORDER BY number", (share,)
        )
        return [
            SharedFile(digest=digest, name=name, size=size, role=role)
            for digest, name, size, role in rows
        ]

    def _uploaded(self, share: str) -> int:
        (uploaded,) = self._db.execute(
            "SELECT COALESCE(SUM(uploaded), 0) FROM files WHERE share = ?", (share,)
        ).fetchone()
        return int(uploaded)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One thread at a time; SQLite's complaints as ours."""
        with self._lock, self._database.using() as self._db:
            yield

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _hold_references(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA foreign_keys=ON")
