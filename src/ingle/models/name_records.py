"""`NameRecords`: what each name stands for, in a file of its own beside the weights.

The index is what is read and what is locked. These files are written inside its transactions, and
are what it is built from again if it is lost, whatever was taken in since its last copy.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ingle.errors import DiskFull, StorageError
from ingle.models import digest as digests

_PART = ".part"


class NameRecord(NamedTuple):
    """One row of the index."""

    kind: str
    key: str
    record: bytes


class NameRecords:
    """The folder ``names``: a file for each row, called after the hash of its kind and key.

    Each has three lines: the SHA-256 of what follows, kind and key in JSON, the record.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> Iterator[NameRecord]:
        """Those that are whole."""
        for path in self._files():
            if found := _read(path):
                yield found

    def get(self, kind: str, key: str) -> bytes | None:
        """The record under a key; None if there is none, or it is damaged."""
        found = _read(self._path(kind, key))
        return found.record if found else None

    def has(self, kind: str, key: str) -> bool:
        """There is a file under a key, whole or not."""
        return self._path(kind, key).exists()

    def write(self, changed: Mapping[tuple[str, str], bytes | None]) -> None:
        """Write or replace the records under some keys; None: delete it.

        Raises:
            DiskFull: no room.
            StorageError: it cannot be written.
        """
        with self._typed():
            for (kind, key), record in changed.items():
                path = self._path(kind, key)
                if record is None:
                    path.unlink(missing_ok=True)
                else:
                    self._replace(path, _encoded(NameRecord(kind, key, record)))

    def match(self, rows: Iterable[NameRecord], damaged: Iterable[tuple[str, str]]) -> None:
        """Make the files what the rows of a sound index are. Call it while the index is locked.

        Args:
            damaged: keys of rows that cannot be read, whose files stay as they are.

        Raises: as `write`.
        """
        with self._typed():
            expected = {self._path(row.kind, row.key): _encoded(row) for row in rows}
            kept = {self._path(kind, key) for kind, key in damaged}
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in self.folder.iterdir():
                if path not in expected and path not in kept:
                    path.unlink(missing_ok=True)
            for path, data in expected.items():
                if not path.exists() or path.read_bytes() != data:
                    self._replace(path, data)

    def _files(self) -> list[Path]:
        if not self.folder.exists():
            return []
        return sorted(path for path in self.folder.iterdir() if path.suffix != _PART)

    def _path(self, kind: str, key: str) -> Path:
        return self.folder / digests.hex_part(digests.of_bytes(f"{kind}\0{key}".encode()))

    def _replace(self, path: Path, data: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_suffix(_PART)
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise

    @contextlib.contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise DiskFull(f"no space left for {self.folder}", hint="ingle prune") from error
            raise StorageError(f"{self.folder}: {error.strerror}", hint="ingle doctor") from error


def _encoded(row: NameRecord) -> bytes:
    rest = json.dumps([row.kind, row.key]).encode() + b"\n" + row.record
    return digests.of_bytes(rest).encode() + b"\n" + rest


def _read(path: Path) -> NameRecord | None:
    """The row in a file, or None if it is damaged or gone."""
    with contextlib.suppress(FileNotFoundError):
        digest, _, rest = path.read_bytes().partition(b"\n")
        if digests.of_bytes(rest).encode() == digest:
            head, _, record = rest.partition(b"\n")
            kind, key = json.loads(head)
            return NameRecord(kind, key, record)
    return None
