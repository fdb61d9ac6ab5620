"""Invites: single-use codes that pair the device that has one with the node that made it.

A code holds the node's key, so the joiner knows whom it speaks to; where the
node may be found; when it ends; and a secret of 128 bits, of which the inviter
keeps only the hash.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
import secrets
import struct
from typing import NamedTuple

from ingle.errors import InvalidRequest, PairingRefused
from ingle.peers.identity import KEY_BYTES, Key
from ingle.peers.monotonic_clock import MonotonicClock
from ingle.peers.peer_database import PeerDatabase
from ingle.peers.transport import PeerAddress

PREFIX = "ingle1"
SECRET_BYTES = 16
TTL_S = 600.0
OPEN_INVITES = 32
_HEAD = struct.Struct(f">{SECRET_BYTES}sI{KEY_BYTES}sB")
_CHECK_BYTES = 2
_PLACES = 6


class InviteTicket(NamedTuple):
    """What a code says."""

    secret: bytes
    expires: int
    """Unix time."""
    address: PeerAddress

    def code(self) -> str:
        """As text: letters and digits only, to be pasted or read from a QR code."""
        places = [place for place in self.address.places if _packed(place)][:_PLACES]
        data = _HEAD.pack(self.secret, self.expires, self.address.key, len(places))
        data += b"".join(_packed(place) for place in places) + self.address.relay.encode()
        return PREFIX + base64.b32encode(data + _check(data)).decode().rstrip("=").lower()


def parse(code: str) -> InviteTicket:
    """Read a code.

    Raises:
        InvalidRequest: it is none, or was mistyped.
    """
    text = re.sub(r"[\s-]", "", code).lower()
    wrong = InvalidRequest(
        "not a valid invite code, or part of it is missing",
        hint="on the other device: ingle peers invite", field="code",
    )  # fmt: skip
    if not text.startswith(PREFIX) or len(text) > 1000:
        raise wrong
    body = text[len(PREFIX) :].upper()
    try:
        data = base64.b32decode(body + "=" * (-len(body) % 8))
    except ValueError:
        raise wrong from None
    data, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
    if len(data) < _HEAD.size or check != _check(data):
        raise wrong
    secret, expires, key, count = _HEAD.unpack_from(data)
    places, at = [], _HEAD.size
    for _ in range(count):
        size = 4 if data[at : at + 1] == b"\x04" else 16
        try:
            address = ipaddress.ip_address(data[at + 1 : at + 1 + size])
            (port,) = struct.unpack_from(">H", data, at + 1 + size)
        except (ValueError, struct.error):
            raise wrong from None
        places.append(f"{address}:{port}" if size == 4 else f"[{address}]:{port}")
        at += size + 3
    try:
        relay = data[at:].decode()
    except UnicodeDecodeError:
        raise wrong from None
    return InviteTicket(secret, expires, PeerAddress(key, tuple(places), relay))


class Invites:
    """The invites of this node that are still open."""

    def __init__(self, database: PeerDatabase, clock: MonotonicClock) -> None:
        self._database = database
        self._clock = clock

    def make(self, address: PeerAddress, *, preset: str = "", ttl_s: float = TTL_S) -> InviteTicket:
        """A new one.

        Args:
            preset: what the device that uses it is granted at once.
        """
        now = self._clock.now()
        self._database.run("DELETE FROM invite WHERE expires < ?", now - 86400)
        if self.open() >= OPEN_INVITES:
            raise InvalidRequest(
                f"{OPEN_INVITES} invites are already open; wait until they expire", field="invite"
            )
        secret = secrets.token_bytes(SECRET_BYTES)
        expires = int(now + ttl_s)
        self._database.run(
            "INSERT INTO invite (hash, expires, preset) VALUES (?, ?, ?)",
            _hash(secret), expires, preset,
        )  # fmt: skip
        return InviteTicket(secret, expires, address)

    def open(self) -> int:
        """How many could still be used."""
        statement = "SELECT COUNT(*) FROM invite WHERE used_by IS NULL AND expires > ?"
        (count,) = self._database.run(statement, self._clock.now()).fetchone()
        return int(count)

    def redeem(self, secret: bytes, key: Key) -> str:
        """Use one up; returns its preset.

        Raises:
            PairingRefused: unknown, expired or used.
        """
        now = self._clock.now()
        with self._database.together():
            row = self._database.run(
                "SELECT expires, preset, used_by FROM invite WHERE hash = ?", _hash(secret)
            ).fetchone()
            hint = "on the other device: ingle peers invite"
            if row is None:
                raise PairingRefused("this device has no such invite", hint=hint)
            expires, preset, used_by = row
            if used_by is not None:
                raise PairingRefused("this invite has already been used", hint=hint)
            if now >= expires:
                raise PairingRefused("this invite has expired", hint=hint)
            self._database.run("UPDATE invite SET used_by = ? WHERE hash = ?", key, _hash(secret))
        return str(preset)


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(b"ingle/invite/1\x00" + secret).digest()


def _check(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:_CHECK_BYTES]


def _packed(place: str) -> bytes:
    """An ``IP:PORT`` in 7 or 19 bytes; empty if it is none (a host name)."""
    host, _, port = place.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
        return bytes([address.version]) + address.packed + struct.pack(">H", int(port))
    except (ValueError, struct.error):
        return b""
