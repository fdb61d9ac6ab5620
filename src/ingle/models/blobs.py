"""Blobs: files under the name of their hash. A blob is there once, however many names need it."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ingle.errors import DiskFull
from ingle.models import digest as digests
from ingle.models import names
from ingle.models.file_lock import FileLock
from ingle.models.links import link_or_copy

HEADROOM = 32 << 20
"""Bytes that an import or a download leaves free on the disk."""
_BLOCK = 1 << 20
_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file, copy on write


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
            if path.name.startswith("sha256-"):
                yield f"{digests.PREFIX}{path.name[7:]}", path.stat().st_size

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

    def copy_in(self, source: Path, on_bytes: Callable[[int], None] | None = None) -> str:
        """Copy a file in, hashing it on the way; shares its blocks where the disk can.

        Returns:
            The digest.

        Raises:
            DiskFull: not enough room; nothing is left behind.
            OSError: the file cannot be read.
        """
        self.require_room(source.stat().st_size)
        temporary = self.partial / f"copy-{os.urandom(8).hex()}.part"
        try:
            digest = _copy(source, temporary, on_bytes)
            if self.has(digest):
                temporary.unlink()
            else:
                self.adopt(temporary, digest)
        except BaseException as error:
            temporary.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(
                    f"no space left to copy {source.name} into {self.folder}", hint="ingle df"
                ) from error
            raise
        return digest

    def link_in(self, source: Path, digest: str) -> None:
        """Make a verified file a blob: a second name of its bytes where the disk allows, or a copy.

        Raises:
            DiskFull: no room for the copy.
            OSError: it cannot be read.
        """
        if self.has(digest):
            return
        if source.stat().st_dev != self.folder.stat().st_dev:
            self.copy_in(source)
            return
        temporary = self.partial / f"link-{os.urandom(8).hex()}.part"
        link_or_copy(source, temporary)
        self.adopt(temporary, digest)

    def write(self, data: bytes) -> str:
        """A few bytes as a blob. Returns its digest."""
        digest = digests.of_bytes(data)
        if not self.has(digest):
            temporary = self.partial / f"write-{os.urandom(8).hex()}.part"
            temporary.write_bytes(data)
            self.adopt(temporary, digest)
        return digest

    def require_room(self, size: int) -> None:
        """Refuse to begin what cannot end.

        Raises:
            DiskFull: fewer than ``size`` bytes (and some headroom) are free.
        """
        free = shutil.disk_usage(self.folder).free
        if size + HEADROOM > free:
            raise DiskFull(
                f"{size / 2**20:.0f} MiB needed in {self.folder.parent}, "
                f"{free / 2**20:.0f} MiB free",
                hint="ingle prune, or ingle rm a model",
                needed_bytes=size,
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


def _copy(source: Path, target: Path, on_bytes: Callable[[int], None] | None) -> str:
    running, done = hashlib.sha256(), 0
    with source.open("rb", buffering=0) as reader, target.open("xb", buffering=0) as writer:
        shared = _share_blocks(reader.fileno(), writer.fileno())
        while block := reader.read(_BLOCK):
            running.update(block)
            if not shared:
                view = memoryview(block)
                while view:
                    view = view[writer.write(view) :]
            done += len(block)
            if on_bytes is not None:
                on_bytes(done)
    return digests.PREFIX + running.hexdigest()


def _share_blocks(reader: int, writer: int) -> bool:
    try:
        fcntl.ioctl(writer, _FICLONE, reader)
    except OSError:  # not this file system, or not this platform: copy the bytes
        return False
    return True


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
