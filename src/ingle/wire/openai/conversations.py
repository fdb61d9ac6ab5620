"""``/v1/conversations``: bodies and answers (API reference, "Conversations")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from ingle.errors import InvalidRequest
from ingle.wire.body import Body
from ingle.wire.openai.response_calls import Item

Metadata = Annotated[
    dict[Annotated[str, msgspec.Meta(max_length=64)], Annotated[str, msgspec.Meta(max_length=512)]],
    msgspec.Meta(max_length=16),
]
_MOST_ADDED = 20
_MOST_LISTED = 100


class ConversationBody(Body, kw_only=True):
    items: Annotated[list[Item], msgspec.Meta(max_length=_MOST_ADDED)] | None = None
    metadata: Metadata | None = None


class ConversationItemsBody(Body, kw_only=True):
    items: Annotated[list[Item], msgspec.Meta(max_length=_MOST_ADDED)]


def conversation_object(identifier: str, created: int, metadata: dict[str, str]) -> dict[str, Any]:
    """A conversation."""
    return {
        "id": identifier,
        "object": "conversation",
        "created_at": created,
        "metadata": metadata,
    }


def item_list(items: Sequence[Item], *, more: bool = False) -> dict[str, Any]:
    """Items as one page."""
    return {
        "object": "list",
        "data": list(items),
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
        "has_more": more,
    }


def item_page(items: Sequence[Item], query: Mapping[str, str]) -> dict[str, Any]:
    """The page of items that a query asks for: newest first, unless ``order=asc``.

    Raises:
        InvalidRequest: a limit out of range, or nothing to continue after.
    """
    ordered = list(items) if query.get("order") == "asc" else list(reversed(items))
    limit = _limit(query.get("limit", "20"))
    if after := query.get("after"):
        places = [at for at, item in enumerate(ordered) if item["id"] == after]
        if not places:
            raise InvalidRequest(f"after: there is no item {after!r}", field="after")
        ordered = ordered[places[0] + 1 :]
    return item_list(ordered[:limit], more=len(ordered) > limit)


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= _MOST_LISTED):
        raise InvalidRequest(f"limit: must be between 1 and {_MOST_LISTED}", field="limit")
    return int(text)
