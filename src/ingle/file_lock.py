"""A lock between processes that dies with its holder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

LOOK_S = 0.1


class FileLock:
    """A ``flock``, exclusive or shared. When its process ends, by any way, the kernel lets go.

    Two locks of one process exclude each other as well. The lock file may be
    deleted by its holder: a process that then gets the lock of the deleted file notices
    and opens the new one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = -1

    def acquire(self, *, shared: bool = False) -> bool:
        """Try to get the lock, without waiting. False: someone else has it.

        Args:
            shared: Together with others who ask the same. A shared lock that is
                held becomes exclusive (if no one else has it) by asking again
                without.

        Raises:
            OSError: the lock file cannot be made.
        """
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        if self._fd >= 0:
            return _locked(self._fd, kind)
        while True:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if not _locked(fd, kind):
                os.close(fd)
                return False
            if _is(fd, self.path):
                self._fd = fd
                return True
            os.close(fd)

    def wait(self, waiting: Callable[[], None]) -> None:
        """Get the lock, as soon as no one else has it.

        Args:
            waiting: called now and then meanwhile; may raise, to stop.
        """
        while not self.acquire():
            waiting()
            time.sleep(LOOK_S)

    def release(self, *, delete: bool = False) -> None:
        """Let go; with ``delete``, remove the file first."""
        if self._fd >= 0:
            if delete:
                self.path.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1

    @contextlib.contextmanager
    def tried(self) -> Iterator[bool]:
        """Hold the lock in a block if it is free; the block is told whether it is."""
        got = self.acquire()
        try:
            yield got
        finally:
            self.release()


def _locked(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False
