"""One run on a device at a time."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
from pathlib import Path

from ingle.errors import Busy

LOOK_S = 0.2


class DeviceLock:
    """An exclusive lock on a device, held for as long as this process lives.

    The kernel drops it when the process ends, however it ends; the file only
    tells whose it is.
    """

    def __init__(self, folder: Path, device: str, run: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._device, self._run = device, run
        path = folder / f"{re.sub('[^a-z0-9]+', '-', device.lower())}.lock"
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self) -> None:
        """Take it.

        Raises:
            Busy: another run has it; says which.
        """
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(
                f"the run {self.holder!r} uses {self._device} now",
                hint="the same command with --wait, or another --device",
                queued=1, limit=1,
            ) from None  # fmt: skip
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, self._run.encode(), 0)

    async def wait(self) -> None:
        """Take it as soon as nobody has it."""
        while True:
            try:
                self.take()
            except Busy:
                await asyncio.sleep(LOOK_S)
            else:
                return

    @property
    def holder(self) -> str:
        """The run that has it."""
        return os.pread(self._fd, 128, 0).decode(errors="replace")
