"""`TemporaryFolders`: folders that live as long as the process that made them, however it ends.

Each is locked by its process: `<name>.lock` lies beside it. The kernel drops the lock when the
process ends, and whoever starts next removes the folders that no one holds. They lie in the state
directory; where that cannot be written, or its path is too long for a unix socket within, in
a private folder of the system's temporary one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ingle.errors import StorageError
from ingle.file_lock import FileLock

log = logging.getLogger(__name__)

_ROOM_FOR_NAMES = 44
"""Bytes of what comes after the root in the longest address of a socket: our own name, the
engine's folder and its socket."""
_MOST = 107
"""Bytes of a unix socket's address."""


class TemporaryFolder:
    """One folder. `remove` it; a process that is killed leaves that to the next."""

    def __init__(self, path: Path, lock: FileLock) -> None:
        self.path = path
        self._lock = lock

    def remove(self) -> None:
        """Delete it. May be called again."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release(delete=True)


class TemporaryFolders:
    """The temporary folders of a state directory.

    Args:
        state: None: of no state directory.
    """

    def __init__(self, state: Path | None) -> None:
        self._own = None if state is None else state / "tmp"

    def make(self) -> TemporaryFolder:
        """A new folder that only its owner may enter.

        Raises:
            StorageError: none can be made, neither in the state directory nor in the system's.
        """
        if self._own is not None and _short(self._own):
            try:
                return _made(self._own)
            except OSError as error:
                log.warning(
                    "no temporary folder can be made in %s (%s); %s is used instead",
                    self._own, error.strerror, system_root(),
                )  # fmt: skip
        try:
            return _made(_checked(system_root()))
        except OSError as error:
            raise StorageError(
                f"no temporary folder can be made in {system_root()}: {error.strerror}",
                hint="free disk space: ingle df",
            ) from error

    @contextlib.contextmanager
    def one(self) -> Iterator[Path]:
        """A new folder for as long as a block runs. Raises as `make`."""
        folder = self.make()
        try:
            yield folder.path
        finally:
            folder.remove()

    def remove_abandoned(self) -> None:
        """Remove the folders of processes that have ended, also those in the system's."""
        for root in filter(None, (self._own, system_root())):
            try:
                _sweep(root)
            except FileNotFoundError:
                pass  # none was ever made there
            except OSError as error:
                log.warning("what was left in %s was not removed: %s", root, error)


def system_root() -> Path:
    """Where the folders are that have no place in a state directory."""
    return Path(tempfile.gettempdir()) / f"ingle-{os.getuid()}" / "tmp"


def _short(root: Path) -> bool:
    return len(os.fsencode(root.absolute())) + _ROOM_FOR_NAMES <= _MOST


def _made(root: Path) -> TemporaryFolder:
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = os.urandom(4).hex()
    lock = FileLock(root / f"{name}.lock")
    if not lock.acquire():  # another process sweeps at this moment, or has the same name
        return _made(root)
    try:
        (root / name).mkdir(mode=0o700)
    except OSError:
        lock.release(delete=True)
        raise
    return TemporaryFolder(root / name, lock)


def _checked(root: Path) -> Path:
    """Everyone may write the folder above: what lies there must be ours, and closed to others.

    Raises:
        StorageError: it is not.
    """
    parent = root.parent
    parent.mkdir(mode=0o700, exist_ok=True)
    found = parent.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise StorageError(f"{parent} belongs to someone else", hint=f"remove {parent}")
    if stat.S_IMODE(found.st_mode) & 0o077:
        parent.chmod(0o700)
    return root


def _sweep(root: Path) -> None:
    for name in {path.stem for path in root.iterdir()}:
        lock = FileLock(root / f"{name}.lock")
        if lock.acquire():
            TemporaryFolder(root / name, lock).remove()
