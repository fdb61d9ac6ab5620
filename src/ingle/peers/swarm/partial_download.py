"""`PartialDownload`: what a download keeps on the disk between sessions."""

from __future__ import annotations

from pathlib import Path

from ingle.errors import IntegrityError
from ingle.models import digest as digests
from ingle.models.blobs import Blobs
from ingle.models.partial_file import storage_error
from ingle.peers.swarm.metainfo import LARGEST_METAINFO, Metainfo

_LARGEST_RESUME = 64 << 20


class PartialDownload:
    """Three files in the store's ``partial/``, under the key that a pull of these bytes locks.

    ``<key>.swarm`` is the file itself, sparse; ``<key>.torrent`` its metainfo;
    ``<key>.resume`` what libtorrent knows of it. ``ingle df`` counts them, and
    ``ingle prune --partials`` deletes them while no one holds the lock.
    """

    def __init__(self, blobs: Blobs, digest: str) -> None:
        key = f"sha256-{digests.hex_part(digest)}"
        self.lock = blobs.lock(key)
        self.path = blobs.partial / f"{key}.swarm"
        self._torrent = blobs.partial / f"{key}.torrent"
        self._resume = blobs.partial / f"{key}.resume"

    def metainfo(self, digest: str, size: int) -> Metainfo | None:
        """The metainfo of an earlier session, if it is whole."""
        try:
            with self._torrent.open("rb") as file:
                return Metainfo.parse(file.read(LARGEST_METAINFO + 1), digest, size)
        except (FileNotFoundError, IntegrityError):
            return None

    def open(self, metainfo: Metainfo) -> bytes:
        """Get ready for a download by this metainfo.

        Returns:
            The resume data of an earlier one; empty if there was none, or by another metainfo.

        Raises:
            DiskFull, StorageError: the metainfo could not be written.
        """
        before = self.metainfo(metainfo.digest, metainfo.size)
        if before != metainfo:
            self.discard()
        self._write(self._torrent, metainfo.encode())
        try:
            if self._resume.stat().st_size <= _LARGEST_RESUME and self.path.is_file():
                return self._resume.read_bytes()
        except FileNotFoundError:
            pass
        return b""

    def save(self, resume: bytes) -> None:
        """Replace the resume data, in one step.

        Raises:
            DiskFull, StorageError: what was there before still is.
        """
        self._write(self._resume, resume)

    def occupied(self) -> int:
        """Bytes of the disk that the file takes up now."""
        try:
            return self.path.stat().st_blocks * 512
        except FileNotFoundError:
            return 0

    def discard(self) -> None:
        """Delete them all."""
        for path in (self._resume, self._torrent, self.path):
            path.unlink(missing_ok=True)

    def _write(self, path: Path, data: bytes) -> None:
        temporary = path.with_name(f"{path.name}.new")
        try:
            temporary.write_bytes(data)
            temporary.replace(path)
        except OSError as error:
            raise storage_error(error, path) from error
