"""Files of this disk as blobs: linked where the disk allows, else copied, hashed on the way.

A copy is a `PartialFile` like a download: it holds a lock, `prune --partials` leaves it alone
while it runs, and after a kill the next copy of the same file continues where it was.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from ingle.errors import BadModelFile, DiskFull
from ingle.models import digest as digests
from ingle.models.blobs import Blobs
from ingle.models.links import linked
from ingle.models.partial_file import PartialFile

COPY = "copy-"
"""How the keys of copies begin."""
_BLOCK = 1 << 20
_JOURNAL = 64 << 20
"""Bytes between journals: what a kill can cost."""
Told = Callable[[int], None]
Keep = Callable[[str], None]


def kept_by_nothing(_digest: str) -> None:
    """For blobs that are named or looked at before anyone could delete them."""


def copy_in(
    blobs: Blobs, source: Path, on_bytes: Told | None = None, keep: Keep = kept_by_nothing
) -> str:
    """Make a file a blob; shares its blocks where the disk can.

    Args:
        on_bytes: told of progress; may raise, to stop. What was copied is kept then.
        keep: pins the digest, before the blob is there.

    Returns:
        The digest.

    Raises:
        DiskFull: not enough room; nothing is left behind.
        BadModelFile: the file changed while it was read.
        OSError: it cannot be read.
    """
    told = on_bytes or (lambda _done: None)
    partial = PartialFile(blobs, _key(source), source.absolute().as_uri())
    partial.lock.wait(lambda: told(0))
    try:
        digest = _copied(blobs, partial, source, told)
        keep(digest)
        if not blobs.has(digest):
            partial.close()
            blobs.adopt(partial.path, digest)
        partial.discard()
        return digest
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            partial.discard()
            raise _full(blobs, source) from error
        raise
    except DiskFull as error:
        partial.discard()
        raise (error if "needed_bytes" in error.details else _full(blobs, source)) from error
    except BadModelFile:
        partial.discard()
        raise
    finally:
        partial.close()
        partial.lock.release(delete=partial.peek() is None)


def link_in(blobs: Blobs, source: Path, digest: str) -> None:
    """Make a verified file a blob: a second name of its bytes where the disk allows, or a copy.

    Raises:
        DiskFull: no room for the copy.
        OSError: it cannot be read.
    """
    if blobs.has(digest):
        return
    with blobs.temporary("link") as temporary:
        if linked(source, temporary):
            blobs.adopt(temporary, digest)
            return
    copy_in(blobs, source)


def resumable(blobs: Blobs, key: str) -> bool:
    """Whether the file that an interrupted copy was of is still there and unchanged."""
    from urllib.parse import unquote, urlsplit

    journal = PartialFile(blobs, key, "").peek()
    if journal is None:
        return False
    source = Path(unquote(urlsplit(journal.url).path))
    return source.is_file() and journal.etag == _version(source.stat())


def _copied(blobs: Blobs, partial: PartialFile, source: Path, told: Told) -> str:
    with source.open("rb", buffering=0) as reader:
        before = os.fstat(reader.fileno())
        size = before.st_size
        journal = partial.peek()
        blobs.require_room(size - (journal.completed if journal is not None else 0))
        partial.open(size=size, etag=_version(before), last_modified="")
        partial.commit(list(partial.ranges))
        if partial.ranges.total < size and partial.share_blocks(reader.fileno()):
            partial.arrived(0, size)
        running = hashlib.sha256()
        try:
            for start, block in _blocks(partial, reader.fileno(), size):
                running.update(block)
                told(start + len(block))
                if start and start % _JOURNAL == 0:
                    partial.commit(list(partial.ranges))
        except DiskFull:
            raise
        except BaseException:
            partial.commit(list(partial.ranges))
            raise
        if _version(os.fstat(reader.fileno())) != _version(before):
            raise _changed(source)
    return digests.PREFIX + running.hexdigest()


def _blocks(partial: PartialFile, reader: int, size: int) -> Iterator[tuple[int, bytes]]:
    """The bytes of the copy in their order; those that are not there yet are copied."""
    there = partial.ranges.prefix
    for start in range(0, size, _BLOCK):
        end = min(start + _BLOCK, size)
        if end <= there:
            yield start, partial.read(start, end)
            continue
        block = os.pread(reader, end - start, start)
        if len(block) != end - start:
            raise _changed(Path(partial.journal.url))
        partial.write(start, block)
        partial.arrived(start, end)
        yield start, block


def _key(source: Path) -> str:
    return COPY + hashlib.sha256(os.fsencode(source.absolute())).hexdigest()[:32]


def _version(stat: os.stat_result) -> str:
    return f"{stat.st_ino}-{stat.st_size}-{stat.st_mtime_ns}"


def _changed(source: Path) -> BadModelFile:
    return BadModelFile(f"{source} was changed while it was read", path=str(source))


def _full(blobs: Blobs, source: Path) -> DiskFull:
    return DiskFull(f"no space left to copy {source.name} into {blobs.folder}", hint="ingle df")
