"""Stored responses: what ``previous_response_id`` continues from.

A SQLite file in the node's state directory, readable by the owner only and
bounded in number and size: the oldest go first. ``store: false`` keeps a
response out of it.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import NamedTuple

import msgspec

from ingle.errors import ResponseNotFound
from ingle.operations import Message
from ingle.wire.openai.response_object import Response

MOST_RESPONSES = 1000
MOST_BYTES = 256 << 20

_SCHEMA = """
CREATE TABLE IF NOT EXISTS responses (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    response BLOB NOT NULL,
    turns BLOB NOT NULL,
    conversation BLOB NOT NULL,
    size INTEGER NOT NULL
)
"""
_TRIM = """
DELETE FROM responses WHERE number <= (
    SELECT COALESCE(MAX(number), 0) FROM (
        SELECT number, SUM(size) OVER (ORDER BY number DESC) AS total,
               ROW_NUMBER() OVER (ORDER BY number DESC) AS place FROM responses
    ) WHERE total > ? OR place > ?
)
"""


class StoredResponse(NamedTuple):
    """One response and what it was an answer to."""

    response: Response
    turns: list[Message]
    """What its request added."""
    conversation: list[Message]
    """Everything up to and with its answer."""


class ResponseStore:
    """Keeps responses. Methods block for a moment and may be called from any thread."""

    def __init__(
        self,
        path: Path | None,
        *,
        most_responses: int = MOST_RESPONSES,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._most = (most_bytes, most_responses)
        self._lock = threading.Lock()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
        self._database = sqlite3.connect(path or ":memory:", check_same_thread=False)
        with self._lock, self._database:
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute(_SCHEMA)

    def put(self, stored: StoredResponse) -> None:
        """Keep a response, and let the oldest go where there are too many."""
        blobs = [msgspec.json.encode(part) for part in stored]
        size = sum(map(len, blobs))
        with self._lock, self._database:
            self._database.execute(
                "INSERT OR REPLACE INTO responses (id, response, turns, conversation, size)"
                " VALUES (?, ?, ?, ?, ?)",
                (stored.response["id"], *blobs, size),
            )
            self._database.execute(_TRIM, self._most)

    def get(self, identifier: str) -> StoredResponse:
        """A stored response.

        Raises:
            ResponseNotFound: there is not one of this id.
        """
        with self._lock:
            row = self._database.execute(
                "SELECT response, turns, conversation FROM responses WHERE id = ?", (identifier,)
            ).fetchone()
        if row is None:
            raise _missing(identifier)
        return StoredResponse(
            msgspec.json.decode(row[0]),
            msgspec.json.decode(row[1], type=list[Message]),
            msgspec.json.decode(row[2], type=list[Message]),
        )

    def delete(self, identifier: str) -> None:
        """Forget a response.

        Raises:
            ResponseNotFound: there is not one of this id.
        """
        with self._lock, self._database:
            gone = self._database.execute("DELETE FROM responses WHERE id = ?", (identifier,))
        if gone.rowcount == 0:
            raise _missing(identifier)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()


def _missing(identifier: str) -> ResponseNotFound:
    return ResponseNotFound(
        f"there is no stored response {identifier!r}",
        hint="send the whole conversation as input",
        field="previous_response_id",
    )
