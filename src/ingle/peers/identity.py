"""A node's identity: an ed25519 key, and the names people know it by."""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import re
import secrets
import socket
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ingle.errors import StorageError

Key = bytes
"""A public ed25519 key (RFC 8032): 32 bytes."""

KEY_BYTES = 32
FILE = "identity.key"
_NAME = re.compile(r"[^a-z0-9-]+")


def fingerprint(key: Key) -> str:
    """80 bits of the key's SHA-256, for people to compare: ``7kq2-m4xd-0wfe-93ab``."""
    text = base64.b32encode(hashlib.sha256(key).digest()[:10]).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def device_name(text: str) -> str:
    """A name as commands take it: lower case letters, digits and dashes; never empty."""
    return _NAME.sub("-", text.lower()).strip("-")[:32] or "device"


def verify(key: Key, message: bytes, signature: bytes) -> bool:
    """Did the owner of the key sign these bytes? Never raises, whatever the bytes are."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class Identity:
    """Who this node is.

    Args:
        secret: the private key, 32 bytes.
        name: what others see.
    """

    def __init__(self, secret: bytes, name: str) -> None:
        self.secret = secret
        self.name = name
        self._private = Ed25519PrivateKey.from_private_bytes(secret)
        self.instance = secrets.token_hex(8)
        """Another one each time a node starts: two live ones with one key are a copied state."""

    @classmethod
    def generate(cls, name: str) -> Identity:
        """A new one, kept nowhere."""
        return cls(secrets.token_bytes(KEY_BYTES), name)

    @classmethod
    def load(cls, state: Path, name: str = "") -> Identity:
        """That of a state directory; made on first use, in a file that only its owner may read.

        Raises:
            StorageError: the file is there, but is not a key.
        """
        path = state / FILE
        try:
            secret = path.read_bytes()
        except FileNotFoundError:
            secret = _write_new(path)
        if len(secret) != KEY_BYTES:
            raise StorageError(
                f"{path} holds {len(secret)} bytes, but a key has {KEY_BYTES}",
                hint=f"restore it from a backup, or pair again after: mv {path} {path}.bad",
            )
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        return cls(secret, device_name(name or socket.gethostname()))

    @functools.cached_property
    def key(self) -> Key:
        """The public key: what others know this node by."""
        return self._private.public_key().public_bytes_raw()

    @property
    def fingerprint(self) -> str:
        """See `fingerprint`."""
        return fingerprint(self.key)

    def sign(self, message: bytes) -> bytes:
        """64 bytes that `verify` takes with this identity's key."""
        return self._private.sign(message)


def _write_new(path: Path) -> bytes:
    """Write a new key so that another process that starts now finds a whole one or none."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    secret = secrets.token_bytes(KEY_BYTES)
    part = path.with_suffix(f".{os.getpid()}.part")
    descriptor = os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, path)  # fails if someone was quicker; theirs counts then
    except FileExistsError:
        return path.read_bytes()
    finally:
        part.unlink()
    return secret
