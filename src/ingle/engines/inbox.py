"""`Inbox`: a folder that a worker may read, with the blobs that its operations speak of.

A worker sees its model's files and nothing else of the disk. While an operation is under way
that speaks of blobs, they are linked here, under their hashes (`ingle.engines.engine.blob_path`).
"""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ingle.models.links import link_or_copy


class Inbox:
    """One worker's folder. It is deleted with `close`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, mode=0o700)
        self.folder = folder
        self._lent: Counter[Path] = Counter()

    @contextlib.contextmanager
    def files_visible(self, files: Sequence[Path]) -> Iterator[None]:
        """The worker may read these files while the block is entered."""
        links = [self.folder / file.name for file in files]
        for file, link in zip(files, links, strict=True):
            if not link.exists():
                link_or_copy(file, link)
            self._lent[link] += 1
        try:
            yield
        finally:
            for link in links:
                self._lent[link] -= 1
                if not self._lent[link]:
                    del self._lent[link]
                    link.unlink(missing_ok=True)

    def close(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
