"""Folders of ours are closed to other users, whatever the umask was when they were made."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

log = logging.getLogger(__name__)

OTHERS = 0o077


def open_to_others(path: Path) -> bool:
    """Other users may read it, enter it or write it."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return not stat.S_ISLNK(found.st_mode) and bool(stat.S_IMODE(found.st_mode) & OTHERS)


def close_to_others(paths: Iterable[Path]) -> None:
    """Close those that are open to others and ours; what cannot be closed is in the log."""
    for path in filter(open_to_others, paths):
        try:
            if path.lstat().st_uid == os.getuid():
                path.chmod(stat.S_IMODE(path.lstat().st_mode) & ~OTHERS)
                log.warning("%s was open to other users; it is closed now", path)
        except OSError as error:
            log.warning("%s is open to other users: %s", path, error)


def private_parts(state: Path, models: Path) -> Iterator[Path]:
    """What is to be closed: the state directory with what lies in it, and the parts of the store.

    The folder of the models itself may be one that several programs use.
    """
    yield state
    if state.is_dir():
        yield from (path for path in state.iterdir() if not stat.S_ISSOCK(path.lstat().st_mode))
    yield from (models / name for name in ("blobs", "names", "partial", "views"))
