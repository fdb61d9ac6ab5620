"""``/v1/files``: forms and answers (API reference, "Files")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ingle.errors import InvalidRequest

MOST_LISTED = 10_000
PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")


class ClientFile(NamedTuple):
    """A file that a client sent."""

    id: str
    name: str
    purpose: str
    size: int
    created: int
    """Unix time."""


def purpose(fields: Mapping[str, Sequence[str]]) -> str:
    """What a form's file is for.

    Raises:
        InvalidRequest: it does not say, or nothing that is known.
    """
    given = (fields.get("purpose") or [""])[-1]
    if given not in PURPOSES:
        raise InvalidRequest(f"purpose: use one of {', '.join(PURPOSES)}", field="purpose")
    return given


def file_object(file: ClientFile) -> dict[str, Any]:
    """A file."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size,
        "created_at": file.created,
        "expires_at": None,
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }


def page(
    objects: Sequence[dict[str, Any]], query: Mapping[str, str], most: int = 100, usual: int = 20
) -> dict[str, Any]:
    """The page that a query asks for of objects in the order in which they were made: the newest
    first, unless ``order=asc``.

    Raises:
        InvalidRequest: a limit out of range, or nothing to continue after.
    """
    ordered = list(objects) if query.get("order") == "asc" else list(reversed(objects))
    limit = query.get("limit", str(usual))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:6]) <= most):
        raise InvalidRequest(f"limit: must be between 1 and {most}", field="limit")
    ids = [each["id"] for each in ordered]
    for word in ("after", "before"):
        if (named := query.get(word)) and named not in ids:
            raise InvalidRequest(f"{word}: there is no {named!r}", field=word)
    if after := query.get("after"):
        ordered = ordered[ids.index(after) + 1 :]
    if before := query.get("before"):
        ordered = [each for each in ordered if ids.index(each["id"]) < ids.index(before)]
    shown = ordered[: int(limit)]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": len(ordered) > len(shown),
    }


def deleted(identifier: str, kind: str) -> dict[str, Any]:
    """What is said of what is gone."""
    return {"id": identifier, "object": kind, "deleted": True}
