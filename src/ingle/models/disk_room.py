"""Room on the disk, looked for before work begins that would end without it."""

from __future__ import annotations

import shutil
from pathlib import Path

from ingle.errors import DiskFull


def check_room(
    folder: Path, needed: int, what: str, *, hint: str = "make room (ingle prune)"
) -> None:
    """Refuse what would not fit.

    Args:
        needed: bytes.
        what: takes them, as the sentence begins: ``a run's states take up to``.

    Raises:
        DiskFull: fewer are free.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DiskFull(
            f"{what} {needed / 2**20:.0f} MiB, and {free / 2**20:.0f} MiB are free at {folder}",
            hint=hint,
        )
