"""One run on a device at a time."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
from collections.abc import Iterable
from pathlib import Path

from ingle.errors import Busy

LOOK_S = 0.2


class DeviceLocks:
    """The locks on all devices of a run.

    Taken in one order everywhere, so that two runs that wait do not wait for each other.
    """

    def __init__(self, folder: Path, devices: Iterable[str], run: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._locks = [DeviceLock(folder, device, run) for device in sorted(set(devices))]

    def take(self) -> None:
        """Take all that are not held yet.

        Raises:
            Busy: another run has one; says which. Those before it stay held.
        """
        for lock in self._locks:
            lock.take()

    async def wait(self) -> None:
        """Take them all, each as soon as no one has it."""
        while True:
            try:
                self.take()
            except Busy:
                await asyncio.sleep(LOOK_S)
            else:
                return


class DeviceLock:
    """An exclusive lock on a device, held for as long as this process lives.

    The kernel drops it when the process ends, however it ends; the file only
    tells whose it is.
    """

    def __init__(self, folder: Path, device: str, run: str) -> None:
        self.device, self._run = device, run
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
                f"the run {self.holder!r} is using {self.device}",
                hint="the same command with --wait, or another --device",
                queued=1, limit=1, run=self.holder, device=self.device,
            ) from None  # fmt: skip
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, self._run.encode(), 0)

    @property
    def holder(self) -> str:
        """The run that has it."""
        return os.pread(self._fd, 128, 0).decode(errors="replace")
