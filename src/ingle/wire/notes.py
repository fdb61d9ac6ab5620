"""Notes on an answer, under ``ingle``: the same in every dialect."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ingle.operations import Note


def with_notes(ours: dict[str, Any], notes: Iterable[Note]) -> dict[str, Any]:
    """Our addition to an answer, and its notes if there are any."""
    found = [_note(note) for note in notes]
    return {**ours, "notes": found} if found else ours


def notes_member(notes: Iterable[Note]) -> dict[str, Any]:
    """A member ``ingle`` for what has none without notes; empty if there are none."""
    ours = with_notes({}, notes)
    return {"ingle": ours} if ours else {}


def _note(note: Note) -> dict[str, Any]:
    found: dict[str, Any] = {"code": note.code, "message": note.message}
    if note.field:
        found["field"] = note.field
    return {**found, "choice": note.index} if note.index else found
