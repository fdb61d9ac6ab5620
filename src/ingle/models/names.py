"""The names of a model's files, relative to its folder: checked before they become paths."""

from __future__ import annotations

from collections.abc import Iterable

from ingle.errors import InvalidRequest

LONGEST = 255
"""Characters of a whole name."""
DEEPEST = 8
"""Folders and file."""


def is_safe(name: str) -> bool:
    """It stays below the folder that it is relative to, and can be shown."""
    parts = name.split("/")
    return (
        0 < len(name) <= LONGEST
        and len(parts) <= DEEPEST
        and not any(part in ("", ".", "..") for part in parts)
        and "\\" not in name
        and name.isprintable()
    )


def check(names: Iterable[str]) -> None:
    """See that files with these names can lie in one folder.

    Raises:
        InvalidRequest: one leads out of it or cannot be shown, or two are the same.
    """
    seen: set[str] = set()
    names = list(names)
    for name in names:
        if not is_safe(name):
            raise InvalidRequest(
                f"files: {name[:80]!r} is not a valid name of a model's file", field="files"
            )
        # Some file systems take names that differ only in case for one.
        if name.casefold() in seen:
            raise InvalidRequest(f"files: duplicate name {name!r}", field="files")
        seen.add(name.casefold())
    for name in names:
        folder = name.casefold().rpartition("/")[0]
        while folder:
            if folder in seen:
                raise InvalidRequest(
                    f"files: {folder!r} is a file and a folder at once", field="files"
                )
            folder = folder.rpartition("/")[0]
