"""A file that a job made, put where its owner wants it."""

from __future__ import annotations

import shutil
from pathlib import Path

from ingle.errors import DiskFull


def put(made: Path, out: Path) -> None:
    """Move it there, whole or not at all, also to another disk.

    Raises:
        DiskFull: it could not be written.
    """
    part = out.with_name(f"{out.name}.part")
    try:
        shutil.move(made, part)
        part.replace(out)
    except OSError as error:
        raise DiskFull(
            f"{out}: {error.strerror or error}", hint="free disk space: ingle df"
        ) from None
