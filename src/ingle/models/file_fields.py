"""Little-endian fields of a file, read with bounds: what headers between weights are read with.

Files whose tensors lie between their descriptions cannot be read from their first bytes alone; the
descriptions are read and the data is passed over. No number of the file is trusted: what lies
beyond its end is a `FileEnds`, which says how large the file had to be at least.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ingle.errors import BadModelFile


class FileEnds(Exception):
    """What is being read lies beyond the file's end.

    Args:
        what: Lies there.
        needed: Bytes that the file needs for it.
        size: Bytes that it has.
    """

    def __init__(self, what: str, needed: int, size: int) -> None:
        super().__init__(f"truncated in {what}: {needed} bytes needed, the file has {size}")
        self.what, self.needed, self.size = what, needed, size


class FileFields:
    """A position in an open file, moved by reading.

    Args:
        file: Opened for reading bytes.
        most: Bytes that are read in all, passed over ones aside; a file that wants more has a
            header too large to be one.
    """

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file = file
        self._left = most
        self.size = file.seek(0, 2)
        self.at = file.seek(0)

    @property
    def ended(self) -> bool:
        """All was read."""
        return self.at >= self.size

    def read(self, count: int, what: str) -> bytes:
        """The next bytes.

        Raises:
            FileEnds: there are fewer.
            BadModelFile: more than is ever read of a header.
        """
        self._check(count, what)
        self._left -= count
        if self._left < 0:
            raise BadModelFile(f"its descriptions are too large to be those of a model (in {what})")
        data = self._file.read(count)
        if len(data) < count:
            raise BadModelFile("the file was truncated while it was read")
        self.at += count
        return data

    def skip(self, count: int, what: str) -> None:
        """Pass over bytes, which must be there.

        Raises:
            FileEnds: there are fewer.
        """
        self._check(count, what)
        self.at = self._file.seek(self.at + count)

    def back(self, at: int) -> None:
        """Return to a place that was passed."""
        self.at = self._file.seek(at)

    def unpack(self, fields: struct.Struct, what: str) -> tuple[int, ...]:
        """Whole numbers. Raises as `read`."""
        return fields.unpack(self.read(fields.size, what))

    def _check(self, count: int, what: str) -> None:
        if self.at + count > self.size:
            raise FileEnds(what, self.at + count, self.size)


@contextlib.contextmanager
def opened(path: Path, most: int) -> Iterator[FileFields]:
    """A file's fields, with its name put before whatever is wrong with it.

    Args:
        most: As of `FileFields`.

    Raises:
        BadModelFile: it is empty, ends too early, or what is read of it is refused.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        try:
            fields = FileFields(file, most)
            if not fields.size:
                raise BadModelFile("the file is empty")
            yield fields
        except FileEnds as error:
            raise BadModelFile(
                f"{path.name}: {error}", hint="fetch the file again", path=str(path)
            ) from None
        except BadModelFile as error:
            raise BadModelFile(
                f"{path.name}: {error.message}", hint=error.hint, path=str(path)
            ) from None
