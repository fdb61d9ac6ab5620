"""How much memory the nodes of a siege have taken: the most that any of them had resident.

A node that lives is looked at from outside; one that ends, also by a kill of the siege, writes its
peak down before (`hooks/sitecustomize.py`).
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from .finding import Found

MOST = 300 * 10**6
"""Bytes that a node may have had resident."""
VARIABLE = "SIEGE_PEAKS"
"""Names the folder in which nodes write down their peak, a file each."""


class NodeMemory:
    """The peak of all nodes of one part.

    Args:
        folder: where nodes write theirs down; is made.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self.peak = 0
        """Bytes; 0 while none has been seen."""
        self._told = 0

    @property
    def variables(self) -> dict[str, str]:
        """What a node needs in its environment, beside the hooks in its path."""
        return {VARIABLE: str(self._folder)}

    def look_at(self, pid: int) -> None:
        """A process that is a node. It may have ended meanwhile."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            self.peak = max(self.peak, peak_memory(pid))

    def check(self) -> None:
        """Take in what those that have ended wrote down.

        Raises:
            Found: a node took more than it may. Each peak is told once.
        """
        for path in self._folder.iterdir():
            self.peak = max(self.peak, int(path.read_text() or 0) * 1024)
            path.unlink()
        if self.peak > max(MOST, self._told):
            self._told = self.peak
            raise Found(f"the node took {self.peak // 10**6} MB")


def peak_memory(pid: int) -> int:
    """The most that a process has had resident, in bytes (``VmHWM`` of ``proc_pid_status(5)``).

    Raises:
        FileNotFoundError, ProcessLookupError: it has gone.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0  # a zombie has no memory
