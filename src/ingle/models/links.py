"""A file under a second name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def linked(source: Path, target: Path) -> bool:
    """Give a file a second name, which replaces what is there; False where there are no links."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        return False
    return True


def link_or_copy(source: Path, target: Path) -> None:
    """As `linked`; a copy where there are no links.

    Raises:
        OSError: it cannot be read, or there is no room.
    """
    if not linked(source, target):
        shutil.copyfile(source, target)
