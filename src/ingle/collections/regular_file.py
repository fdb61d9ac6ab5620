"""Reading a file that was seen, as long as it is what was seen: a file, with its size and time.

What has no end (a device, a pipe, a file that grows) is not read beyond the size that it had.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from ingle.collections.folder_scan import SeenFile
from ingle.errors import InvalidRequest

STEP = 1 << 20


def pieces(file: SeenFile, start: int = 0) -> Iterator[bytes]:
    """The bytes of a file from some place on, a MiB at a time.

    Raises:
        OSError: it cannot be read.
        InvalidRequest: it is not a file, or has changed since it was seen.
    """
    # Opening a pipe would wait for someone who writes into it.
    descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb", buffering=0) as source:
        _check(file, source.fileno())
        source.seek(start)
        left = file.size - start
        while left > 0 and (data := source.read(min(STEP, left))):
            left -= len(data)
            yield data
        if left > 0:
            raise changed(file)
        _check(file, source.fileno())


def changed(file: SeenFile) -> InvalidRequest:
    """What is told of a file that is not what it was."""
    return InvalidRequest(f"{file.path.name} changed while it was read")


def _check(file: SeenFile, descriptor: int) -> None:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise InvalidRequest(f"{file.path.name} is not a file")
    if (status.st_size, status.st_mtime_ns) != (file.size, file.changed_ns):
        raise changed(file)
