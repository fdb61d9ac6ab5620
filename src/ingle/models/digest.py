"""SHA-256 of files: the identity of everything in the store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

PREFIX = "sha256:"
_BLOCK = 1 << 20
OnRead = Callable[[int], None]
"""Told the number of bytes done; may raise, to stop."""


def of_bytes(data: bytes) -> str:
    """``sha256:`` and the hash of some bytes."""
    return PREFIX + hashlib.sha256(data).hexdigest()


def of_file(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """``sha256:`` and the hash of a file's bytes; as `hex_of_file`."""
    return PREFIX + hex_of_file(path, on_bytes)


def hex_of_file(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """The hash of a file's bytes.

    Args:
        on_bytes: Called now and then with the number of bytes done; may raise
            to stop (that is how a cancelled import ends its thread).

    Raises:
        OSError: the file cannot be read.
    """
    running = hashlib.sha256()
    done = 0
    with path.open("rb", buffering=0) as file:
        block = memoryview(bytearray(_BLOCK))
        while count := file.readinto(block):
            running.update(block[:count])
            done += count
            if on_bytes is not None:
                on_bytes(done)
    return running.hexdigest()


def of_manifest(files: Iterable[tuple[str, str]]) -> str:
    """``sha256:`` and the hash over several files: of what ``sha256sum`` prints of them.

    Args:
        files: Name and digest of each; their order does not matter.
    """
    lines = sorted((name.encode(), hex_part(digest).encode()) for name, digest in files)
    return of_bytes(b"".join(b"%b  %b\n" % (hexes, name) for name, hexes in lines))


def hex_part(digest: str) -> str:
    """The 64 hex digits without ``sha256:``."""
    return digest.removeprefix(PREFIX)
