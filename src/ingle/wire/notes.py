"""Notes on an answer, under ``ingle``: the same in every dialect."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ingle.operations import Note


def texts(notes: Iterable[Note | str]) -> list[str]:
    """Notes as they are written: those of the request are texts, those of the answer events."""
    return [note if isinstance(note, str) else note.message for note in notes]


def notes_member(notes: Iterable[Note | str]) -> dict[str, Any]:
    """A member ``ingle`` with the notes; empty if there are none."""
    found = texts(notes)
    return {"ingle": {"notes": found}} if found else {}
