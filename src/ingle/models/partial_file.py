"""`PartialFile`: a download, or a copy, on the disk, with a journal of what has arrived.

``<key>.part`` is as long as the whole file will be (sparse); ``<key>.json``
lists the byte ranges that are really in it. The journal is replaced in one step
and only after the bytes it speaks of were synced, so it is true after any kill
or power cut; what arrived after the last journal is fetched again.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import msgspec

from ingle.errors import DiskFull, StorageError
from ingle.models.blobs import Blobs
from ingle.models.ranges import Ranges
from ingle.operations.encoded import UNREADABLE

_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file, copy on write


class PartialJournal(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a journal file holds."""

    url: str
    etag: str = ""
    last_modified: str = ""
    size: int = 0
    """0: not known before the end."""
    ranges: list[tuple[int, int]] = []
    digest: str = ""
    """Set when it is done: for those who followed it."""

    @property
    def completed(self) -> int:
        """Bytes that have arrived."""
        return sum(end - start for start, end in self.ranges)


_decode = msgspec.json.Decoder(PartialJournal).decode


class PartialFile:
    """One file on its way. Only the holder of its lock writes; anyone may `peek`."""

    def __init__(self, blobs: Blobs, key: str, url: str) -> None:
        self.key = key
        self.lock = blobs.lock(key)
        self.path = blobs.partial / f"{key}.part"
        self.ranges = Ranges()
        self.journal = PartialJournal(url=url)
        self._journal_path = blobs.partial / f"{key}.json"
        self._fd = -1

    def peek(self) -> PartialJournal | None:
        """The journal as it is on the disk; None if there is none (or it is not a journal)."""
        try:
            return _decode(self._journal_path.read_bytes())
        except (FileNotFoundError, *UNREADABLE):
            return None

    def open(self, *, size: int, etag: str, last_modified: str) -> bool:
        """Take up what is on the disk, or start again if it is of another version of the file.

        Args:
            size: Bytes in all; 0 if unknown.

        Returns:
            Whether something was resumed.

        Raises:
            DiskFull, StorageError: the file cannot be made.
        """
        self.close()
        found = self.peek()
        same = (
            found is not None
            and size > 0
            and (found.size, found.etag, found.last_modified) == (size, etag, last_modified)
            and self.path.is_file()
            and self.path.stat().st_size == size
        )
        ranges = found.ranges if found is not None and same else []
        self.ranges = Ranges((start, min(end, size)) for start, end in ranges)
        self.journal = PartialJournal(
            url=self.journal.url, etag=etag, last_modified=last_modified, size=size
        )
        try:
            if not same:
                self._journal_path.unlink(missing_ok=True)
                self.path.unlink(missing_ok=True)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._fd, size)
        except OSError as error:
            raise storage_error(error, self.path) from error
        return same

    def empty(self) -> None:
        """Forget all that has arrived; the file stays open."""
        os.ftruncate(self._fd, 0)
        self.ranges = Ranges()

    def write(self, offset: int, data: bytes) -> None:
        """Put bytes in their place. They count as arrived once `arrived` is told.

        Raises:
            DiskFull, StorageError: they could not be written.
        """
        view = memoryview(data)
        try:
            while view:
                count = os.pwrite(self._fd, view, offset)
                view, offset = view[count:], offset + count
        except OSError as error:
            raise storage_error(error, self.path) from error

    def share_blocks(self, source: int) -> bool:
        """Become an open file's copy at once, where the disk can: blocks are shared until written.

        The journal does not know of it yet; see `arrived`.
        """
        try:
            fcntl.ioctl(self._fd, _FICLONE, source)
        except OSError:  # not this file system, or not this platform
            return False
        return True

    def arrived(self, start: int, end: int) -> None:
        """Bytes ``[start, end)`` have been written."""
        self.ranges.add(start, end)

    def read(self, start: int, end: int) -> bytes:
        """Bytes that have arrived."""
        return os.pread(self._fd, end - start, start)

    def commit(self, ranges: list[tuple[int, int]]) -> None:
        """Sync the bytes, then write them into the journal.

        Args:
            ranges: What has arrived, taken before this call begins (it runs in a thread).

        Raises:
            DiskFull, StorageError: the journal on the disk is then the one before.
        """
        temporary = self._journal_path.with_suffix(".json.part")
        try:
            os.fdatasync(self._fd)
            self.journal.ranges = ranges
            temporary.write_bytes(msgspec.json.encode(self.journal))
            temporary.replace(self._journal_path)
        except OSError as error:
            raise storage_error(error, self.path) from error

    def finish(self, digest: str) -> None:
        """Leave the digest for those who follow and cannot know it otherwise."""
        self.journal.digest = digest
        self._journal_path.write_bytes(msgspec.json.encode(self.journal))

    def discard(self) -> None:
        """Delete the file and its journal."""
        self.close()
        self.path.unlink(missing_ok=True)
        self._journal_path.unlink(missing_ok=True)
        self._journal_path.with_suffix(".json.part").unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; what is on the disk stays."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def storage_error(error: OSError, path: Path) -> StorageError:
    """An error of the disk as one of ours."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFull(
            f"no space left for {path}: the partial download is kept",
            hint="free disk space (ingle df, ingle prune), then pull again: it resumes",
            path=str(path),
        )
    return StorageError(f"{path}: {error.strerror}", hint="ingle doctor", path=str(path))
