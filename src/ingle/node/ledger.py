"""The egress ledger: every operation that left this device, readable by its owner."""

from __future__ import annotations

import dataclasses
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingle.capabilities.node.operation import LedgerEntry
from ingle.database import Database
from ingle.errors import IngleError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS egress (
    id INTEGER PRIMARY KEY,
    time REAL NOT NULL,
    recipient TEXT NOT NULL,
    operation TEXT NOT NULL,
    model TEXT NOT NULL,
    bytes_out INTEGER NOT NULL,
    bytes_in INTEGER NOT NULL DEFAULT 0,
    permission TEXT NOT NULL DEFAULT '',
    outcome TEXT NOT NULL DEFAULT 'under way'
)
"""


@dataclasses.dataclass
class ReceivedBytes:
    """How much has come back so far."""

    bytes_in: int = 0
    bytes_out: int = 0
    """What left besides what was said at the beginning."""


class EgressLedger:
    """Append-only, in SQLite with a write-ahead log.

    An entry is written *before* the bytes leave and completed afterwards, so a
    crash leaves an entry ``under way``, never a gap.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)

    def begin(self, *, to: str, operation: str, model: str, bytes_out: int, grant: str = "") -> int:
        """Note that an operation is about to leave; returns the entry's number."""
        cursor = self._run(
            "INSERT INTO egress (time, recipient, operation, model, bytes_out, permission) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            *(time.time(), to, operation, model, bytes_out, grant),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def complete(self, entry: int, *, bytes_in: int, outcome: str, bytes_out: int = 0) -> None:
        """Note how it ended (``done``, ``cancelled`` or an error's code), and what else left."""
        self._run(
            "UPDATE egress SET bytes_in = ?, bytes_out = bytes_out + ?, outcome = ? WHERE id = ?",
            *(bytes_in, bytes_out, outcome, entry),
        )

    def note_grant(self, entry: int, grant: str) -> None:
        """Under which grant the other device counts it, as it says."""
        self._run("UPDATE egress SET permission = ? WHERE id = ?", grant[:16], entry)

    @contextmanager
    def outcome(self, entry: int) -> Iterator[ReceivedBytes]:
        """Complete an entry when the block is left: ``done``, an error's code, or ``cancelled``."""
        received = ReceivedBytes()
        outcome = "cancelled"
        try:
            yield received
            outcome = "done"
        except IngleError as error:
            outcome = error.code
            raise
        finally:
            self.complete(
                entry,
                bytes_in=received.bytes_in,
                bytes_out=received.bytes_out,
                outcome=outcome,
            )

    def entries(self, limit: int, offset: int = 0, to: str = "") -> list[LedgerEntry]:
        """Entries whose recipient begins with ``to``, newest first."""
        rows = self._run(
            "SELECT time, recipient, operation, model, bytes_out, bytes_in, permission, outcome "
            "FROM egress WHERE substr(recipient, 1, ?) = ? ORDER BY id DESC LIMIT ? OFFSET ?",
            *(len(to), to, limit, offset),
        )
        return [
            LedgerEntry(
                time=at,
                to=to,
                operation=operation,
                model=model,
                bytes_out=bytes_out,
                bytes_in=bytes_in,
                grant=grant,
                outcome=outcome,
            )
            for at, to, operation, model, bytes_out, bytes_in, grant, outcome in rows
        ]

    def _run(self, statement: str, *values: object) -> sqlite3.Cursor:
        with self._database.using() as connection:
            return connection.execute(statement, values)

    def close(self) -> None:
        """Close the database."""
        self._database.close()
