"""A file under a second name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name, which replaces what is there; a copy where there are no links.

    Raises:
        OSError: it cannot be read, or there is no room.
    """
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)
