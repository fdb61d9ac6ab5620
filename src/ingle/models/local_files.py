"""Files that lie on this disk already: hashed once, then linked or copied into the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from ingle.errors import BadModelFile
from ingle.models import digest as digests
from ingle.models.blobs import Blobs
from ingle.models.file_copy import Keep, copy_in, kept_by_nothing
from ingle.models.index import Index
from ingle.models.model import ModelFile

OnBytes = Callable[[str, int, int], None]
"""File name, bytes done, bytes in all. May raise, to stop."""


class LocalFiles:
    """Takes files in. A file's hash is remembered with its size and time of change."""

    def __init__(self, blobs: Blobs, index: Index) -> None:
        self._blobs = blobs
        self._index = index

    def take(
        self,
        files: Sequence[tuple[str, str, Path]],
        *,
        link: bool,
        on_bytes: OnBytes | None = None,
        keep: Keep = kept_by_nothing,
    ) -> list[ModelFile]:
        """Link or copy files that belong together.

        If the store has all their bytes already, they become those blobs: no
        link is needed then to files that may change. (All or none, because
        engines find files by their lying beside each other.)

        Args:
            files: Role, relative name and path of each.
            keep: Pins what becomes a blob, before it is one.

        Raises:
            DiskFull: no room for the copy.
            BadModelFile: a file changed while it was hashed.
            OSError: a file cannot be read.
        """
        if not link:
            return [self._copied(path, role, name, on_bytes, keep) for role, name, path in files]
        found = [self.hashed(path, role, name, on_bytes) for role, name, path in files]
        if all(self._blobs.has(file.digest) for file in found):
            for file in found:
                keep(file.digest)
            return [msgspec.structs.replace(f, linked=False, path="", mtime_ns=0) for f in found]
        return found

    def _copied(
        self, path: Path, role: str, name: str, on_bytes: OnBytes | None, keep: Keep
    ) -> ModelFile:
        size = path.stat().st_size
        digest = copy_in(self._blobs, path, _told(on_bytes, path, size), keep)
        return ModelFile(name=name, digest=digest, size=size, role=role)

    def hashed(
        self, path: Path, role: str, name: str, on_bytes: OnBytes | None = None
    ) -> ModelFile:
        """A file as it lies, with its hash; quick if it was hashed before and has not changed."""
        stat = path.stat()
        stamp = (str(path), stat.st_size, stat.st_mtime_ns)
        with self._index.read() as rows:
            digest = rows.hash_of(*stamp)
        if not digest:
            digest = digests.of_file(path, _told(on_bytes, path, stat.st_size))
            after = path.stat()
            if (after.st_size, after.st_mtime_ns) != stamp[1:]:
                raise BadModelFile(f"{path} was changed while it was read", path=str(path))
            with self._index.write() as rows:
                rows.put_hash(*stamp, digest)
        return ModelFile(
            name=name,
            digest=digest,
            size=stat.st_size,
            role=role,
            linked=True,
            path=str(path),
            mtime_ns=stat.st_mtime_ns,
        )


def check_present(model: str, file: ModelFile, path: Path, hint: str) -> None:
    """See that a file is there and, if it is a linked one, unchanged since it was hashed.

    Raises:
        BadModelFile: it is gone or has changed.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise BadModelFile(
            f"{model}: its file {path} is missing ({error.strerror})", hint=hint, path=str(path)
        ) from None
    if stat.st_size != file.size or (file.linked and stat.st_mtime_ns != file.mtime_ns):
        raise BadModelFile(
            f"{model}: its file {path} has changed since it was verified",
            hint=hint,
            path=str(path),
        )


def _told(on_bytes: OnBytes | None, path: Path, total: int) -> Callable[[int], None] | None:
    return None if on_bytes is None else lambda done: on_bytes(path.name, done, total)
