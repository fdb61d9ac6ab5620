"""One node per state directory."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from ingle.errors import NodeAlreadyRunning


class NodeLock:
    """An exclusive lock on a state directory, held for the life of the node.

    The kernel drops it when the process ends, however it ends, so there is
    never a stale lock to clean up; the file only tells whose it is.
    """

    def __init__(self, state: Path) -> None:
        self.path = state / "node.lock"
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            NodeAlreadyRunning: another live process holds it.
        """
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._fd, 32, 0).decode(errors="replace").strip()
            os.close(self._fd)
            raise NodeAlreadyRunning(
                f"a node (process {owner or 'unknown'}) is already running on {self.path.parent}",
                hint="use it, or set another INGLE_STATE_DIR",
                pid=int(owner) if owner.isdigit() else 0,
            ) from None
        os.ftruncate(self._fd, 0)
        with contextlib.suppress(OSError):  # a full disk: the lock is the kernel's all the same
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go."""
        os.ftruncate(self._fd, 0)
        os.close(self._fd)
