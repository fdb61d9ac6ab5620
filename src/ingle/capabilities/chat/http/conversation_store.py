"""Stored conversations: items in their order, under an id of the server's."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from ingle.capabilities.chat.http.response_database import ResponseDatabase
from ingle.errors import InvalidRequest, ResponseNotFound
from ingle.wire.openai.response_calls import Item

MOST_CONVERSATIONS = 1000
MOST_BYTES = 256 << 20
MOST_ITEMS_BYTES = 32 << 20
"""Of one conversation."""

_TRIM = """
DELETE FROM conversations WHERE number <= (
    SELECT COALESCE(MAX(number), 0) FROM (
        SELECT number, SUM(size) OVER (ORDER BY number DESC) AS total,
               ROW_NUMBER() OVER (ORDER BY number DESC) AS place FROM conversations
    ) WHERE total > ? OR place > ?
)
"""
_ORPHANS = """
DELETE FROM items WHERE owner LIKE 'conv!_%' ESCAPE '!'
    AND owner NOT IN (SELECT id FROM conversations)
"""


class StoredConversation(NamedTuple):
    """A conversation without its items."""

    id: str
    created: int
    metadata: dict[str, str]


class ConversationStore:
    """Keeps conversations. Methods block for a moment and may be called from any thread."""

    def __init__(
        self,
        database: ResponseDatabase,
        *,
        most_conversations: int = MOST_CONVERSATIONS,
        most_bytes: int = MOST_BYTES,
        most_items_bytes: int = MOST_ITEMS_BYTES,
    ) -> None:
        self._most = (most_bytes, most_conversations)
        self._most_items_bytes = most_items_bytes
        self._database = database

    def create(self, conversation: StoredConversation, items: Sequence[Item]) -> None:
        """Keep a new conversation, and let the oldest go where there are too many.

        Raises:
            InvalidRequest: its items are too large.
        """
        metadata = msgspec.json.encode(conversation.metadata)
        with self._database.changing() as connection:
            connection.execute(
                "INSERT INTO conversations (id, created, metadata) VALUES (?, ?, ?)",
                (conversation.id, conversation.created, metadata),
            )
            self._add(connection, conversation.id, items)
            if connection.execute(_TRIM, self._most).rowcount:
                connection.execute(_ORPHANS)

    def get(self, identifier: str) -> StoredConversation:
        """A conversation.

        Raises:
            ResponseNotFound: there is not one of this id.
        """
        with self._database.reading() as connection:
            return self._found(connection, identifier)

    def update(self, identifier: str, metadata: dict[str, str]) -> StoredConversation:
        """Give it other metadata.

        Raises:
            ResponseNotFound: there is not one of this id.
        """
        with self._database.changing() as connection:
            found = self._found(connection, identifier)
            connection.execute(
                "UPDATE conversations SET metadata = ? WHERE id = ?",
                (msgspec.json.encode(metadata), identifier),
            )
        return found._replace(metadata=metadata)

    def delete(self, identifier: str) -> None:
        """Forget a conversation and its items.

        Raises:
            ResponseNotFound: there is not one of this id.
        """
        with self._database.changing() as connection:
            self._found(connection, identifier)
            connection.execute("DELETE FROM conversations WHERE id = ?", (identifier,))
            connection.execute("DELETE FROM items WHERE owner = ?", (identifier,))

    def items(self, identifier: str) -> list[Item]:
        """All items of a conversation.

        Raises:
            ResponseNotFound: there is not one of this id.
        """
        with self._database.reading() as connection:
            self._found(connection, identifier)
            return self._database.items(connection, identifier)

    def add(self, identifier: str, items: Sequence[Item]) -> None:
        """Add items at its end.

        Raises:
            ResponseNotFound: there is not one of this id.
            InvalidRequest: it would be too large.
        """
        with self._database.changing() as connection:
            self._found(connection, identifier)
            self._add(connection, identifier, items)

    def remove(self, identifier: str, item: str) -> StoredConversation:
        """Take one item out of a conversation.

        Raises:
            ResponseNotFound: there is not one of this id, or it has no such item.
        """
        with self._database.changing() as connection:
            found = self._found(connection, identifier)
            gone = connection.execute(
                "DELETE FROM items WHERE owner = ? AND id = ?", (identifier, item)
            )
            if gone.rowcount == 0:
                raise missing_item(identifier, item)
            connection.execute(
                "UPDATE conversations SET size ="
                " (SELECT COALESCE(SUM(LENGTH(item)), 0) FROM items WHERE owner = ?) WHERE id = ?",
                (identifier, identifier),
            )
        return found

    def _add(self, connection: sqlite3.Connection, identifier: str, items: Sequence[Item]) -> None:
        added = self._database.add_items(connection, identifier, items)
        row = connection.execute(
            "UPDATE conversations SET size = size + ? WHERE id = ? RETURNING size",
            (added, identifier),
        ).fetchone()
        if row[0] > self._most_items_bytes:
            raise InvalidRequest(
                f"a conversation has at most {self._most_items_bytes} bytes of items",
                hint="begin another conversation",
                field="items",
                limit=self._most_items_bytes,
            )

    def _found(self, connection: sqlite3.Connection, identifier: str) -> StoredConversation:
        row = connection.execute(
            "SELECT id, created, metadata FROM conversations WHERE id = ?", (identifier,)
        ).fetchone()
        if row is None:
            raise ResponseNotFound(
                f"there is no stored conversation {identifier!r}", field="conversation"
            )
        return StoredConversation(row[0], row[1], msgspec.json.decode(row[2], type=dict[str, str]))


def missing_item(conversation: str, item: str) -> ResponseNotFound:
    """The answer where a conversation has no such item."""
    return ResponseNotFound(
        f"the conversation {conversation!r} has no item {item!r}", field="item_id"
    )
