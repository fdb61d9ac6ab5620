"""Blobs: files under the name of their hash. A blob is there once, however many names need it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ingle.database import DAMAGED
from ingle.errors import DiskFull
from ingle.file_lock import FileLock
from ingle.models import digest as digests
from ingle.models import names

HEADROOM = 32 << 20
"""Bytes that an import or a download leaves free on the disk."""


class Blobs:
    """``blobs/sha256-<hex>``, read-only files; ``partial/`` for those still being made.

    A blob appears under its name in one step (rename) after its bytes are
    verified and on the disk, so whatever bears a hash's name is whole.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / "blobs"
        self.partial = root / "partial"
        self.views = root / "views"
        for folder in (self.folder, self.partial, self.views):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Where a blob lies, or would lie."""
        return self.folder / f"sha256-{digests.hex_part(digest)}"

    def has(self, digest: str) -> bool:
        """Is it there?"""
        return self.path(digest).is_file()

    def all(self) -> Iterator[tuple[str, int]]:
        """Every blob's digest and size."""
        for path in self.folder.iterdir():
            if path.name.startswith("sha256-") and DAMAGED not in path.name:
                yield f"{digests.PREFIX}{path.name[7:]}", path.stat().st_size

    def damaged(self) -> Iterator[Path]:
        """Files that were blobs, and were set aside since they no longer match their hash."""
        yield from self.folder.glob(f"sha256-*{DAMAGED}*")

    def adopt(self, file: Path, digest: str) -> Path:
        """Make a verified file of the same disk a blob. Survives a power cut once it returns."""
        target = self.path(digest)
        fd = os.open(file, os.O_RDWR)
        try:
            os.fchmod(fd, 0o444)
            os.fsync(fd)
        finally:
            os.close(fd)
        file.replace(target)
        _sync_folder(self.folder)
        return target

    def write(self, data: bytes) -> str:
        """A few bytes as a blob. Returns its digest."""
        digest = digests.of_bytes(data)
        if not self.has(digest):
            with self.temporary("write") as path:
                path.write_bytes(data)
                self.adopt(path, digest)
        return digest

    @contextlib.contextmanager
    def temporary(self, kind: str) -> Iterator[Path]:
        """A path in ``partial/`` for a file that is made within the block, and then adopted.

        It is locked: no `prune` takes it. What a kill leaves of it is removed by whoever starts
        next.
        """
        key = f"{kind}-{os.urandom(8).hex()}"
        path, lock = self.partial / f"{key}.part", self.lock(key)
        lock.acquire()
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
            lock.release(delete=True)

    def require_room(self, size: int) -> None:
        """Refuse to begin what cannot end.

        Raises:
            DiskFull: fewer than ``size`` bytes and the reserve (`HEADROOM`) are free.
        """
        free = shutil.disk_usage(self.folder).free
        if size + HEADROOM > free:
            raise DiskFull(
                f"{size / 2**20:.1f} MiB needed in {self.folder.parent} beside a reserve of "
                f"{HEADROOM / 2**20:.1f} MiB, {free / 2**20:.1f} MiB free",
                hint="ingle prune, or ingle rm a model",
                needed_bytes=size,
                reserve_bytes=HEADROOM,
                free_bytes=free,
            )

    def view(self, digest: str, files: Sequence[tuple[str, str]]) -> list[Path]:
        """Paths of blobs under names of their own in one folder (links, no copies).

        Args:
            digest: Of the model that they are.
            files: Relative name and digest of each.

        Raises:
            InvalidRequest: a name leads out of the folder.
        """
        names.check(name for name, _ in files)
        folder = self.views / digests.hex_part(digest)
        paths = []
        for name, blob_digest in files:
            path, blob = folder / name, self.path(blob_digest)
            if not path.exists() or not path.samefile(blob):
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _link(blob, path)
            paths.append(path)
        return paths

    def keep_views(self, needed: set[str]) -> None:
        """Delete the views of all models but those with these digests."""
        kept = {digests.hex_part(digest) for digest in needed}
        for folder in self.views.iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def lock(self, key: str) -> FileLock:
        """The lock that everyone who works in ``partial/`` on files ``<key>.*`` holds."""
        return FileLock(self.partial / f"{key}.lock")

    def delete(self, unneeded: Iterable[str]) -> None:
        """Delete blobs."""
        for digest in unneeded:
            self.path(digest).unlink(missing_ok=True)


def _link(blob: Path, path: Path) -> None:
    temporary = path.with_name(f".{os.urandom(8).hex()}")
    try:
        os.link(blob, temporary)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EXDEV):
            raise
        temporary.symlink_to(blob)
    temporary.replace(path)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
