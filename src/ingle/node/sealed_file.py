"""Files that only the holder of a key can read, and that no one else can change unnoticed.

A file is a salt, then chunks, each sealed with AES-256-GCM under a key of this file alone (HKDF of
the node's key and the salt). A chunk's nonce is its number and whether it is the last: none can be
left out, repeated, put elsewhere or cut off. The first chunk is the head, which says what the rest
is. Nothing is handed out before it is authenticated.

Source: RFC 5116 (AES-GCM), RFC 5869 (HKDF), Hoang et al., arXiv 1502.06009 (STREAM).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ingle.errors import StorageError

MAGIC = b"ingle sealed 1\n\0"
SALT_BYTES = 32
KEY_BYTES = 32
CHUNK = 512 << 10
"""Most bytes of one chunk, before it is sealed."""
TAG_BYTES = 16
_LENGTH = struct.Struct(">I")
_NONCE = struct.Struct(">3xQ?")


class SealedWriter:
    """Writes one file. `add` the head, then the rest; `finish`, or nothing is there.

    Args:
        path: where it will lie; a file beside it, ending in ``.part``, until it is whole.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._part = path.with_suffix(".part")
        descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        salt = os.urandom(SALT_BYTES)
        self._cipher = _cipher(key, salt)
        self._file.write(MAGIC + salt)
        self._number = 0
        self.size = len(MAGIC) + SALT_BYTES

    def add(self, data: bytes, *, last: bool = False) -> None:
        """Seal one chunk, of at most `CHUNK` bytes."""
        sealed = self._cipher.encrypt(_NONCE.pack(self._number, last), data, MAGIC)
        self._file.write(_LENGTH.pack(len(sealed)) + sealed)
        self._number += 1
        self.size += _LENGTH.size + len(sealed)

    def finish(self) -> None:
        """The file is whole: it is there from now on, also after a power cut."""
        self.add(b"", last=True)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._path)

    def drop(self) -> None:
        """It is not to be there."""
        self._file.close()
        self._part.unlink(missing_ok=True)


def chunks(path: Path, key: bytes) -> Iterator[bytes]:
    """The chunks of a file, the head first; each is as it was written.

    Raises:
        StorageError: one is not, or the end is missing.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise _damaged(path)
        cipher = _cipher(key, file.read(SALT_BYTES))
        number = 0
        while True:
            sealed = _sealed(path, file)
            last = len(sealed) == TAG_BYTES
            try:
                data = cipher.decrypt(_NONCE.pack(number, last), sealed, MAGIC)
            except InvalidTag:
                raise _damaged(path) from None
            if last:
                return
            yield data
            number += 1


def _sealed(path: Path, file: BinaryIO) -> bytes:
    head = file.read(_LENGTH.size)
    size = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
    if not TAG_BYTES <= size <= CHUNK + TAG_BYTES:
        raise _damaged(path)
    sealed = file.read(size)
    if len(sealed) < size:
        raise _damaged(path)
    return sealed


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=MAGIC).derive(key)
    return AESGCM(derived)


def _damaged(path: Path) -> StorageError:
    return StorageError(f"{path} is damaged, or was written with another key", hint="ingle prune")
