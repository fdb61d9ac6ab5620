"""Places of files as other devices are shown them: without the folders that lead to them here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def shown_place(place: str, roots: Sequence[str]) -> str:
    """A place below one of the roots of a collection, which begins with the root's own name."""
    path = Path(place)
    root = next((Path(root) for root in roots if path.is_relative_to(root)), path)
    return path.relative_to(root.parent).as_posix()


def patterns_here(patterns: Sequence[str], roots: Sequence[str]) -> list[str]:
    """Patterns of places as they are shown, as those of places here (SQLite's GLOB)."""
    return [f"{_literal(str(Path(root).parent))}/{each}" for root in roots for each in patterns]


def _literal(path: str) -> str:
    """A pattern that only this path fits."""
    return "".join(f"[{each}]" if each in "*?[" else each for each in path.rstrip("/"))
