"""Paths as the caller writes them, for a node that works elsewhere."""

from __future__ import annotations

from pathlib import Path


def absolute(text: str) -> str:
    """A path to something that is there as an absolute one; any other text as it is."""
    path = Path(text).expanduser()
    written_as_path = text.startswith((".", "/", "~")) or "/" not in text
    return str(path.resolve()) if text and written_as_path and path.exists() else text
