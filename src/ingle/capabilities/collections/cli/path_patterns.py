"""Paths with wildcards, as ``~/notes/**/*.md``: a folder, and a pattern of what is below it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ingle.errors import InvalidRequest

_WILD = frozenset("*?[")


def folders_and_patterns(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The folders and files of some paths, and the patterns that hold for them.

    A file that is there under its very name is that file, whatever characters it has.

    Raises:
        InvalidRequest: a path with a wildcard stands beside others for which it would hold, too.
    """
    found = [_split(path) for path in paths]
    patterns = [pattern for _, pattern in found if pattern]
    if patterns and len({folder for folder, _ in found}) > 1:
        raise InvalidRequest(
            "paths: one with a wildcard holds for all; add the folders one by one",
            hint="ingle collection add NAME FOLDER --only PATTERN",
            field="paths",
        )
    roots = list(dict.fromkeys(folder for folder, _ in found))
    anywhere = [pattern.removeprefix("**/") for pattern in patterns if pattern.startswith("**/")]
    return roots, [*patterns, *anywhere]


def _split(path: Path) -> tuple[Path, str]:
    if path.expanduser().exists() or not _WILD & set(str(path)):
        return path, ""
    parts = path.parts
    first = next(at for at, part in enumerate(parts) if _WILD & set(part))
    return Path(*parts[:first]), "/".join(parts[first:])
