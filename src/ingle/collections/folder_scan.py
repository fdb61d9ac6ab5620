"""Which files a collection is to have, and what changed since they were seen last."""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ingle.collections.records import CollectedFile

HIDDEN = "."
"""Files and folders whose names begin with it are left out, unless they are named."""


class SeenFile(NamedTuple):
    """A file that is there."""

    path: Path
    size: int
    changed_ns: int


class Changes(NamedTuple):
    """What has to be done for a collection to have what is there."""

    new: list[SeenFile]
    """Also those that have changed."""
    gone: list[str]
    unchanged: int


def scan(
    roots: Sequence[Path], only: Sequence[str] = (), but: Sequence[str] = ()
) -> list[SeenFile]:
    """The files below folders, and those that are named themselves, by name.

    A folder is gone through once, also where links lead to it again. A link to a file is the file.
    What cannot be read is left out here: it is told when it is opened by its name.

    Args:
        only: patterns (``*.md``) of names or paths below a root, of which one must fit.
        but: patterns of what is left out.
    """
    found, entered = dict[Path, SeenFile](), set[tuple[int, int]]()
    for root in roots:
        for path in _files(root, entered):
            relative = path.relative_to(root).as_posix() if path != root else path.name
            if path == root or _fits(relative, only, but):
                seen = _seen(path)
                if seen is not None:
                    found[path] = seen
    return [found[path] for path in sorted(found)]


def changes(
    files: Iterable[SeenFile], known: Mapping[str, CollectedFile], roots: Sequence[Path]
) -> Changes:
    """What is new, changed or gone, of what is below the roots."""
    there = {str(file.path): file for file in files}
    new, unchanged = list[SeenFile](), 0
    for place, file in there.items():
        before = known.get(place)
        if before is not None and (before.size, before.changed_ns) == (file.size, file.changed_ns):
            unchanged += 1
        else:
            new.append(file)
    gone = [
        place
        for place in known
        if place not in there and any(Path(place).is_relative_to(root) for root in roots)
    ]
    return Changes(new, gone, unchanged)


def _files(root: Path, entered: set[tuple[int, int]]) -> Iterator[Path]:
    if not root.is_dir():
        yield root
        return
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            status = folder.stat()
            key = (status.st_dev, status.st_ino)
            if key in entered:
                continue
            entered.add(key)
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            if entry.name.startswith(HIDDEN):
                continue
            try:
                folder_too = entry.is_dir()
            except OSError:  # a link that leads to itself
                folder_too = False
            if folder_too:
                waiting.append(Path(entry.path))
            else:
                yield Path(entry.path)


def _seen(path: Path) -> SeenFile | None:
    try:
        status = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return SeenFile(path, status.st_size, status.st_mtime_ns)


def _fits(relative: str, only: Sequence[str], but: Sequence[str]) -> bool:
    def matches(patterns: Sequence[str]) -> bool:
        name = relative.rpartition("/")[2]
        return any(
            fnmatch.fnmatch(relative, pattern) or fnmatch.fnmatch(name, pattern)
            for pattern in patterns
        )

    return (not only or matches(only)) and not matches(but)
