"""Files that come packed: unpacked into a blob of their own, and verified."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from typing import IO, Any

from ingle.errors import EngineMissing, IntegrityError
from ingle.models import digest as digests
from ingle.models.blobs import Blobs
from ingle.models.pull_plan import RemoteFile

MOST_UNPACKED = 1 << 30
"""Bytes of a file whose size no one says."""
COPIED = 1 << 20


def unpacked(blobs: Blobs, digest: str, file: RemoteFile) -> str:
    """The digest of what a packed blob has in it, which is a blob after this; the packed one goes.

    Raises:
        IntegrityError: it cannot be unpacked, is larger than was said, or has another hash.
        DiskFull: there is no room.
        EngineMissing: nothing here unpacks it.
    """
    most = file.unpacked_size or MOST_UNPACKED
    blobs.require_room(file.unpacked_size)
    counted, size = hashlib.sha256(), 0
    with blobs.path(digest).open("rb") as packed, blobs.temporary("unpack") as path:
        with path.open("wb") as target:
            stream = _stream(packed, file)
            try:
                while piece := stream.read(COPIED):
                    size += len(piece)
                    if size > most:
                        raise IntegrityError(f"{file.name} unpacks to more than {most} bytes")
                    counted.update(piece)
                    target.write(piece)
            except (OSError, EOFError, zlib.error, ValueError) as error:
                raise IntegrityError(f"{file.name} cannot be unpacked: {error}") from None
        found = counted.hexdigest()
        if file.unpacked_sha256 and found != file.unpacked_sha256:
            raise IntegrityError(
                f"{file.name} has the hash {found}, not {file.unpacked_sha256}",
                hint="try again later",
            )
        blobs.adopt(path, digests.PREFIX + found)
    blobs.delete([digest])
    return digests.PREFIX + found


def _stream(packed: IO[bytes], file: RemoteFile) -> Any:
    if file.packed == "gzip":
        return gzip.GzipFile(fileobj=packed)
    try:
        import zstandard
    except ImportError as error:
        raise EngineMissing(
            f"{file.name} is packed with zstd, which nothing here unpacks: {error}",
            hint="pip install 'ingle[translate]'",
        ) from None
    return _Zstandard(zstandard.ZstdDecompressor().stream_reader(packed), zstandard.ZstdError)


class _Zstandard:
    """A stream whose errors are those of Python's own."""

    def __init__(self, stream: Any, error: type[Exception]) -> None:
        self._stream = stream
        self._error = error

    def read(self, size: int) -> bytes:
        """The next bytes."""
        try:
            data: bytes = self._stream.read(size)
            return data
        except self._error as error:
            raise ValueError(str(error)) from None
