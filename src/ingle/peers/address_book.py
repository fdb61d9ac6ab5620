"""The book of paired devices: their keys, the names we call them, where they were seen."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ingle.errors import InvalidRequest, PeerNotFound
from ingle.peers.identity import Key, device_name, fingerprint
from ingle.peers.peer_database import PeerDatabase
from ingle.peers.transport import PeerAddress

PLACES = 8
"""Addresses remembered of one peer, the latest first."""
RESERVED = frozenset({"local"})


class Peer(NamedTuple):
    """A paired device."""

    key: Key
    name: str
    """What we call it; unique here."""
    called: str
    """What it calls itself."""
    places: tuple[str, ...]
    """Where it was reached or said to be, the latest first."""
    fixed: tuple[str, ...]
    """Where its owner or ours said that it always is."""
    relay: str
    paired: float
    seen: float
    """When it last answered; 0: never."""
    way: str
    """By which path it was last reached."""
    models: tuple[str, ...]
    """What it last offered us."""

    @property
    def fingerprint(self) -> str:
        """Of its key, for people."""
        return fingerprint(self.key)

    @property
    def address(self) -> PeerAddress:
        """Where to try first."""
        return PeerAddress(self.key, tuple(dict.fromkeys((*self.fixed, *self.places))), self.relay)


_COLUMNS = "key, name, called, places, fixed, relay, paired, seen, way, models"


class AddressBook:
    """The peers, kept in the records."""

    def __init__(self, database: PeerDatabase) -> None:
        self._database = database

    def add(self, key: Key, called: str, places: tuple[str, ...], now: float) -> Peer:
        """Write down a new peer under a free name; one that is known keeps its name."""
        called = device_name(called)
        known = self.get(key)
        if known is None:
            name, number = called, 2
            while name in RESERVED or self._named(name) is not None:
                name, number = f"{called}-{number}", number + 1
            self._database.run(
                "INSERT INTO peer (key, name, called, paired) VALUES (?, ?, ?, ?)",
                key, name, called, now,
            )  # fmt: skip
        self.met(key, places=places)
        return self[key]

    def remove(self, key: Key) -> None:
        """Forget a peer."""
        self._database.run("DELETE FROM peer WHERE key = ?", key)

    def rename(self, key: Key, name: str) -> Peer:
        """Call a peer something else.

        Raises:
            InvalidRequest: the name is taken, or none.
        """
        wanted = device_name(name)
        if wanted != name or name in RESERVED:
            raise InvalidRequest(
                f"{name!r} is not a valid device name; use lower case letters, digits and dashes",
                hint=f"use {wanted!r}", field="name",
            )  # fmt: skip
        taken = self._named(name)
        if taken is not None and taken.key != key:
            raise InvalidRequest(f"another device is already named {name!r}", field="name")
        self._database.run("UPDATE peer SET name = ? WHERE key = ?", name, key)
        return self[key]

    def met(self, key: Key, *, places: tuple[str, ...] = (), **facts: Any) -> None:
        """Remember where a peer was found, and other columns (``seen``, ``way``, ``models``...)."""
        peer = self.get(key)
        if peer is None:
            return
        values: dict[str, Any] = dict(facts)
        if places:
            values["places"] = tuple(dict.fromkeys((*places, *peer.places)))[:PLACES]
        for column, value in values.items():
            assert column in _COLUMNS
            text = json.dumps(value) if isinstance(value, (tuple, list)) else value
            self._database.run(f"UPDATE peer SET {column} = ? WHERE key = ?", text, key)  # noqa: S608

    def peers(self) -> list[Peer]:
        """All, by name."""
        rows = self._database.run(f"SELECT {_COLUMNS} FROM peer ORDER BY name")  # noqa: S608
        return [_peer(row) for row in rows]

    def get(self, key: Key) -> Peer | None:
        """The peer of a key."""
        statement = f"SELECT {_COLUMNS} FROM peer WHERE key = ?"  # noqa: S608
        row = self._database.run(statement, key).fetchone()
        return _peer(row) if row else None

    def __getitem__(self, key: Key) -> Peer:
        peer = self.get(key)
        if peer is None:
            raise KeyError(key)
        return peer

    def find(self, text: str) -> Peer:
        """The peer of a name, a fingerprint or a key in hexadecimal.

        Raises:
            PeerNotFound: none; names those that are known.
        """
        for peer in self.peers():
            if text.lower() in (peer.name, peer.fingerprint, peer.key.hex()):
                return peer
        known = [peer.name for peer in self.peers()]
        raise PeerNotFound(
            f"no paired device is named {text!r}"
            + (f"; paired devices: {', '.join(known)}" if known else "; no device is paired yet"),
            hint="ingle peers" if known else "ingle peers invite (here), then join on the other",
            peer=text,
            known=known,
        )

    def _named(self, name: str) -> Peer | None:
        return next((peer for peer in self.peers() if peer.name == name), None)


def _peer(row: tuple[Any, ...]) -> Peer:
    key, name, called, places, fixed, relay, paired, seen, way, models = row
    return Peer(
        key, name, called, tuple(json.loads(places)), tuple(json.loads(fixed)), relay,
        paired, seen, way, tuple(json.loads(models)),
    )  # fmt: skip
