"""A file or folder on this disk as a source: linked where it lies, not copied."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ingle.models.local_files import OnBytes
from ingle.models.model import Model
from ingle.models.store import Store


@dataclasses.dataclass(frozen=True, slots=True)
class FileSource:
    """A path; relative ones count from the working directory of this process."""

    path: Path
    name: str = ""
    """The model's name here; from the file's name if empty."""

    def bring(self, store: Store, on_bytes: OnBytes) -> Model:
        """Take it into the store. Blocks while it hashes. Raises as `Store.add_path`."""
        return store.add_path(self.path, self.name, on_bytes=on_bytes)
