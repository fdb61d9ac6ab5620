"""The blobs of a node: what callers have put here for an operation, each by its SHA-256.

Its rules:

1. Each principal (the owner, and every guest by its key) has a folder of its own, and reaches no
   other's blobs: what someone else put here is not there for it.
2. A blob appears under its hash only when all its bytes are here and have this hash. Until
   then it is a partial file, which its principal may continue where it was cut off.
3. What a guest has here, partial files at their announced size included, is at most its quota.
4. What an operation or a job uses is kept while it does. What was not used for a week is
   deleted when the node starts; when a guest's quota is full, its least recently used goes.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ingle.errors import Busy, DiskFull, IntegrityError, InvalidRequest, NotFound, QuotaFull
from ingle.models.digest import hex_of_file
from ingle.models.links import link_or_copy
from ingle.node.loaded_model import OWNER
from ingle.operations.blob import Blob

GUEST_BYTES = 4 * 2**30
"""What one guest may have here at once."""
UNUSED_S = 7 * 86400.0
BLOCK = 1 << 20
HEADROOM = 256 << 20
"""Bytes of the disk that guests leave free."""
_HASH = re.compile("[0-9a-f]{64}")


class NodeBlobs:
    """The folder ``blobs`` of a node's state.

    Args:
        guest_bytes: the quota of each guest; the owner has none but the disk.
    """

    def __init__(self, folder: Path, guest_bytes: int = GUEST_BYTES) -> None:
        self._folder = folder
        self._guest_bytes = guest_bytes
        self._held: Counter[Path] = Counter()
        self._forgotten: set[Path] = set()
        """In use when they were to be deleted: they go when they are no longer."""
        self._writing: dict[Path, int] = {}
        """Partial files that are being written, and the size that was announced."""
        for principal in folder.glob("*"):
            self._tidy(principal, UNUSED_S)

    def begin(self, principal: str, sha256: str, size: int | None) -> BlobWriter:
        """Take a blob in, or continue to. Only the owner may leave open how large it is.

        Raises:
            InvalidRequest: a guest does not say how large it is.
            QuotaFull: the principal would have more than it may.
            DiskFull: there is no room on the disk.
            Busy: it is being sent already.
        """
        done, part = self._paths(principal, sha256)
        if part in self._writing:
            raise Busy("this blob is already being uploaded", hint="wait for the other upload")
        if size is None and principal != OWNER:
            raise InvalidRequest("size: say how many bytes there will be", field="size")
        self._forgotten.discard(done)
        if not done.exists():
            self._require_room(principal, part, size or 0)
        return BlobWriter(self, done, part, sha256, size)

    def path(self, principal: str, sha256: str) -> Path:
        """The file of a blob.

        Raises:
            NotFound: the principal has no such blob here.
        """
        done, _ = self._paths(principal, sha256)
        if not done.exists():
            raise NotFound(f"there is no blob {sha256} here", hint="upload it first", sha256=sha256)
        os.utime(done)
        return done

    @contextlib.contextmanager
    def held(self, principal: str, sha256: str) -> Iterator[Path]:
        """The file of a blob, which stays while the block is entered. Raises NotFound."""
        path = self.path(principal, sha256)
        self._held[path] += 1
        try:
            yield path
        finally:
            self._held[path] -= 1
            self._held += Counter()  # drops the zeros
            if path in self._forgotten and path not in self._held:
                self._forgotten.discard(path)
                self._delete(path)

    def adopt(self, principal: str, path: Path, name: str = "") -> Blob:
        """Make a file of this node's disk a principal's blob, such as a result that it may fetch.

        The file's bytes are shared where the disk can. Reads all of it, so call it in a thread.
        """
        sha256 = hex_of_file(path)
        done, part = self._paths(principal, sha256)
        done.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not done.exists():
            link_or_copy(path, part)
            part.replace(done)
        return Blob(sha256=sha256, size=done.stat().st_size, name=name or path.name)

    def started(self, part: Path, size: int) -> None:
        """A partial file is being written."""
        self._writing[part] = size

    def ended(self, part: Path) -> None:
        """It is written no more, whether whole or not."""
        self._writing.pop(part, None)

    def forget(self, principal: str, sha256: str = "") -> int:
        """Delete a blob of a principal, or all. Returns the bytes freed. One that is in use goes
        when it is no longer, unless it is sent again; of all, those in use stay."""
        if sha256:
            paths = self._paths(principal, sha256)
            self._forgotten |= {path for path in paths if path in self._held}
            return sum(self._delete(path) for path in paths)
        return self._tidy(self._of(principal), 0.0)

    def all(self, principal: str) -> list[Blob]:
        """The whole blobs of a principal."""
        return [
            Blob(sha256=path.name, size=path.stat().st_size)
            for path in sorted(self._of(principal).glob("*"))
            if _HASH.fullmatch(path.name)
        ]

    def size(self) -> int:
        """Bytes of everyone's blobs and partial files."""
        return sum(path.stat().st_size for path in self._folder.glob("*/*"))

    def _require_room(self, principal: str, part: Path, size: int) -> None:
        if principal != OWNER:
            used = self._used(principal, part)
            for path in self._oldest_first(principal):
                if used + size <= self._guest_bytes or size > self._guest_bytes:
                    break
                used -= self._delete(path)
            if used + size > self._guest_bytes:
                raise QuotaFull(
                    f"{size} bytes more than the {used} that are here would exceed the quota of "
                    f"{self._guest_bytes >> 20} MiB of a guest",
                    hint="wait until running work is done, or send less",
                    used=used,
                    quota=self._guest_bytes,
                )
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        there = part.stat().st_size if part.exists() else 0
        free = shutil.disk_usage(self._folder).free
        if size - there + HEADROOM > free:
            raise DiskFull(
                f"{(size - there) / 2**20:.1f} MiB needed on the node's disk beside a reserve of "
                f"{HEADROOM / 2**20:.1f} MiB, {free / 2**20:.1f} MiB free",
                hint="ingle df",
                needed_bytes=size - there,
                reserve_bytes=HEADROOM,
                free_bytes=free,
            )

    def _used(self, principal: str, but: Path) -> int:
        """Bytes that a principal has here; of what is being written, those that were announced."""
        return sum(
            max(path.stat().st_size, self._writing.get(path, 0))
            for path in self._of(principal).glob("*")
            if path != but
        )

    def _oldest_first(self, principal: str) -> list[Path]:
        return sorted(self._of(principal).glob("*"), key=lambda path: path.stat().st_mtime)

    def _of(self, principal: str) -> Path:
        return self._folder / (principal[:64] or "own")

    def _paths(self, principal: str, sha256: str) -> tuple[Path, Path]:
        if not _HASH.fullmatch(sha256):
            raise InvalidRequest(f"{sha256[:80]!r} is not a SHA-256", field="sha256")
        folder = self._of(principal)
        return folder / sha256, folder / f"{sha256}.part"

    def _tidy(self, folder: Path, unused_s: float) -> int:
        """Delete what was not used for some time; returns the bytes freed."""
        old = time.time() - unused_s
        paths = [path for path in folder.glob("*") if path.stat().st_mtime <= old]
        return sum(self._delete(path) for path in paths)

    def _delete(self, path: Path) -> int:
        if path in self._held or path in self._writing or not path.exists():
            return 0
        size = path.stat().st_size
        path.unlink()
        return size


class BlobWriter:
    """A blob that is being taken in. A context manager; leaving it keeps what has arrived."""

    def __init__(
        self, blobs: NodeBlobs, done: Path, part: Path, sha256: str, size: int | None
    ) -> None:
        self._blobs = blobs
        self._done = done
        self._part = part
        self._sha256 = sha256
        self._size = size
        self.complete = done.exists()
        """All of it is here, and has the hash that was announced."""
        self.there = done.stat().st_size if self.complete else 0
        """Bytes that are here."""
        self._file: BinaryIO | None = None

    def __enter__(self) -> BlobWriter:
        if self.complete:
            os.utime(self._done)
            return self
        self._part.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._blobs.started(self._part, self._size or 0)
        self.there = self._part.stat().st_size if self._part.exists() else 0
        if self._size is not None and self.there > self._size:
            self._part.unlink()
            self.there = 0
        self._file = self._part.open("ab")
        if self.there == self._size:
            self.finish()
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            self._blobs.ended(self._part)

    def add(self, data: bytes) -> None:
        """The next bytes.

        Raises:
            InvalidRequest: more than were announced.
            IntegrityError: all are here, and they are not what was announced; they are deleted.
            DiskFull: they could not be written.
        """
        most = self._size if self._size is not None else self.there + len(data)
        if self._file is None or self.complete or self.there + len(data) > most:
            raise InvalidRequest(
                f"more than the announced {self._size} bytes arrived", field="size"
            )
        try:
            self._file.write(data)
        except OSError as error:
            raise DiskFull(
                f"no space left for the blob: {error.strerror}", hint="ingle df"
            ) from None
        self.there += len(data)
        if self.there == self._size:
            self.finish()

    def finish(self) -> None:
        """The bytes that are here are all there are. Raises IntegrityError as `add`."""
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        found = hex_of_file(self._part)
        if found != self._sha256:
            self._part.unlink()
            raise IntegrityError(
                "the uploaded bytes do not match the announced hash",
                hint="send it again",
                sha256=self._sha256,
                found=found,
            )
        self._part.replace(self._done)
        self.complete = True
