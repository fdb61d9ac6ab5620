"""`DocumentFile`: a file and what people call it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class DocumentFile(NamedTuple):
    """A document as it lies on the disk, where it may have another name."""

    path: Path
    name: str
    """As its owner knows it; messages say this one."""
