"""All processes that a siege has started, also those whose parents are gone."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator

import psutil

_BECOME_SUBREAPER = 36
"""``PR_SET_CHILD_SUBREAPER`` of ``prctl(2)``: orphans below this process become its children."""


class ProcessFamily:
    """The descendants of this process. Made by `adopting`."""

    def __init__(self) -> None:
        self._root = psutil.Process()
        self._before = {process.pid for process in self._root.children(recursive=True)}

    def living(self) -> list[psutil.Process]:
        """Those that have not ended."""
        found = self._root.children(recursive=True)
        return [each for each in found if each.pid not in self._before and _lives(each)]

    def named(self, part: str) -> list[psutil.Process]:
        """Those whose command line has this in it."""
        return [process for process in self.living() if part in described(process)]

    def end(self) -> None:
        """Kill all that is left, and let none stay behind as a zombie."""
        for process in self.living():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.reap()

    def reap(self) -> None:
        """Take leave of orphans that have ended."""
        for process in self._root.children():
            with contextlib.suppress(psutil.NoSuchProcess, ChildProcessError):
                if process.pid not in self._before and not _lives(process):
                    os.waitpid(process.pid, os.WNOHANG)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def described(process: psutil.Process) -> str:
    """Its command line; empty if it has gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@contextlib.contextmanager
def adopting() -> Iterator[ProcessFamily]:
    """Orphans below this process become its children, for a while; those that are left end."""
    _set_subreaper(1)
    family = ProcessFamily()
    try:
        yield family
    finally:
        family.end()
        _set_subreaper(0)


def _set_subreaper(on: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_BECOME_SUBREAPER, on, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
