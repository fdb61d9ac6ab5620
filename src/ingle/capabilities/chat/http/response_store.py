"""Stored responses: what ``previous_response_id`` continues from.

A SQLite file in the node's state directory, readable by the owner only and
bounded in number and size: the oldest go first. ``store: false`` keeps a
response out of it. Stored conversations lie in the same file.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import msgspec

from ingle.capabilities.chat.http.response_database import ResponseDatabase, write_blob
from ingle.errors import ResponseNotFound
from ingle.operations import Message
from ingle.wire.openai.response_calls import Item
from ingle.wire.openai.response_object import Response

MOST_RESPONSES = 1000
MOST_BYTES = 256 << 20

_TRIM = """
DELETE FROM responses WHERE number <= (
    SELECT COALESCE(MAX(number), 0) FROM (
        SELECT number, SUM(size) OVER (ORDER BY number DESC) AS total,
               ROW_NUMBER() OVER (ORDER BY number DESC) AS place FROM responses
    ) WHERE total > ? OR place > ?
)
"""
_ORPHANS = """
DELETE FROM items WHERE owner LIKE 'resp!_%' ESCAPE '!'
    AND owner NOT IN (SELECT id FROM responses)
"""


class StoredResponse(NamedTuple):
    """One response and what it was an answer to."""

    response: Response
    input: list[Item]
    """What its request added, as items with ids."""
    conversation: list[Message]
    """Everything up to and with its answer."""


class ResponseStore:
    """Keeps responses. Methods block for a moment and may be called from any thread."""

    def __init__(
        self,
        database: ResponseDatabase,
        *,
        most_responses: int = MOST_RESPONSES,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._most = (most_bytes, most_responses)
        self._database = database

    def put(self, stored: StoredResponse) -> None:
        """Keep a response, and let the oldest go where there are too many."""
        identifier = stored.response["id"]
        items = [*stored.input, *stored.response.get("output", [])]
        with self._database.changing() as connection:
            connection.execute("DELETE FROM items WHERE owner = ?", (identifier,))
            size = self._database.add_items(connection, identifier, items)
            # One part after the other: each may be as large as a whole request.
            size += self._put_parts(connection, identifier, stored)
            connection.execute("UPDATE responses SET size = ? WHERE id = ?", (size, identifier))
            if connection.execute(_TRIM, self._most).rowcount:
                connection.execute(_ORPHANS)

    def _put_parts(
        self, connection: sqlite3.Connection, identifier: str, stored: StoredResponse
    ) -> int:
        """How many bytes the response and its conversation are."""
        response = msgspec.json.encode(stored.response)
        conversation = msgspec.json.encode(stored.conversation)
        row = connection.execute(
            "INSERT OR REPLACE INTO responses"
            " (id, response, conversation, size, inputs) VALUES (?, ?, zeroblob(?), 0, ?)",
            (identifier, response, len(conversation), len(stored.input)),
        ).lastrowid
        write_blob(connection, ("responses", "conversation", row or 0), conversation)
        return len(response) + len(conversation)

    def get(self, identifier: str, *, field: str = "response_id") -> StoredResponse:
        """A stored response; ``field`` is where the client named it.

        Raises:
            ResponseNotFound: there is not one of this id.
        """
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT response, conversation, inputs FROM responses WHERE id = ?", (identifier,)
            ).fetchone()
            items = self._database.items(connection, identifier)
        if row is None:
            raise missing_response(identifier, field)
        return StoredResponse(
            msgspec.json.decode(row[0]),
            items[: row[2]],
            msgspec.json.decode(row[1], type=list[Message]),
        )

    def item(self, identifier: str) -> Item | None:
        """The newest stored item of this id, of any response or conversation."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT item FROM items WHERE id = ? ORDER BY number DESC LIMIT 1", (identifier,)
            ).fetchone()
        return msgspec.json.decode(row[0], type=Item) if row else None

    def delete(self, identifier: str) -> None:
        """Forget a response.

        Raises:
            ResponseNotFound: there is not one of this id.
        """
        with self._database.changing() as connection:
            gone = connection.execute("DELETE FROM responses WHERE id = ?", (identifier,))
            connection.execute("DELETE FROM items WHERE owner = ?", (identifier,))
        if gone.rowcount == 0:
            raise missing_response(identifier)


def missing_response(identifier: str, field: str = "response_id") -> ResponseNotFound:
    """The answer where nothing has this id."""
    return ResponseNotFound(
        f"there is no stored response {identifier!r}",
        hint="send the whole conversation as input",
        field=field,
    )
