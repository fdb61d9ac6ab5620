"""What a hostile device says to another: greetings, pairing and requests for files, by chance."""

from __future__ import annotations

import random
import struct
from typing import Any

import msgspec

from ingle.peers import grants

from .frame_mutant import LENGTHS, packed

PLACES = (["127.0.0.1:1"], ["x" * 5000] * 50, "127.0.0.1:1", [5], [[]])
CARDS: tuple[Any, ...] = (
    ["crook", ["127.0.0.1:9"], ""], ["", [], ""], ["x" * 7000, [], ""], ["\0\n\x1b[2J", [], ""],
    ["crook", ["not a place"] * 30, "http://relay.example"], [], None, ["crook", 5, []],
)  # fmt: skip
SECRETS = (b"", b"x" * 16, b"x" * 4000, "text", 5, None)
NONCES = (b"", b"n" * 16, b"n" * 32, "text", None, -1)
DIGESTS = ("", "sha256:" + "0" * 64, "sha256:../../state/identity.key", "x" * 900, 5, None, b"\xff")
PLACES_IN_FILE = (0, 1, -1, 2**20, 2**63 - 1, -(2**63), 2**64 - 1, 1.5, None, "1")
CHAINS: tuple[Any, ...] = (
    [b"junk"], [b""] * 1000, [b"x" * 200_000], "text", [5], [grants.pack([])], [[b"x"]],
)  # fmt: skip


def hello(chance: random.Random) -> bytes:
    """A greeting, mostly a sound one."""
    facts: dict[str, Any] = {"name": "crook", "version": "0.2.0", "instance": "one", "oldest": 1}
    if chance.random() < 0.3:
        changed: dict[str, tuple[Any, ...]] = {
            "name": ("", 5, "x" * 100_000, "\x1b[2J\n"), "instance": ("two", "", 5),
            "places": PLACES, "relay": ("x" * 100_000, 5, "http://relay.example"),
            "chains": CHAINS, "oldest": (99, -1, "x"), "speaks": ({}, 5, {"chat": -1}, ["chat"]),
            "version": (5, "x" * 9000), "later": ({"a": [1]},),
        }  # fmt: skip
        name = chance.choice(sorted(changed))
        facts[name] = chance.choice(changed[name])
    version = chance.choice((1, 1, 1, 1, 1, 1, 1, 0, 99))
    return packed(["h", version, facts])


def pairing_messages(chance: random.Random) -> list[bytes]:
    """Some messages of pairing, in any order."""
    made = [_pairing_message(chance) for _ in range(chance.choice((1, 1, 2, 3, 8)))]
    return [_headed(chance, msgspec.msgpack.encode(message)) for message in made]


def _pairing_message(chance: random.Random) -> list[Any]:
    card, nonce = chance.choice(CARDS), chance.choice(NONCES)
    return chance.choice(
        (
            ["redeem", chance.choice(SECRETS), card], ["ask", card, chance.choice(NONCES)],
            ["reveal", nonce], ["confirm"], ["noted"], ["welcome", card], ["show", card, nonce],
            ["sorry", {"code": "pairing_refused", "message": "no"}], ["sorry", 5], ["later"], [],
        )
    )  # fmt: skip


def file_request(chance: random.Random, known: str) -> bytes:
    """A request for a range of a file.

    Args:
        known: the digest of a file that is there.
    """
    digest = known if chance.random() < 0.3 else chance.choice(DIGESTS)
    fields = [digest, chance.choice(PLACES_IN_FILE), chance.choice(PLACES_IN_FILE)]
    return _headed(chance, msgspec.msgpack.encode(fields[: chance.choice((0, 1, 2, 3, 3, 3))]))


def _headed(chance: random.Random, body: bytes) -> bytes:
    """A length of two bytes, and what follows: sometimes neither is right."""
    if chance.random() < 0.15:
        body = chance.randbytes(len(body))
    length = len(body)
    if chance.random() < 0.15:
        length = min(chance.choice(LENGTHS), 2**16 - 1)
    data = struct.pack(">H", length) + body
    return data[: chance.randrange(1, len(data))] if chance.random() < 0.1 else data


def datagrams(chance: random.Random) -> list[bytes]:
    """What is no QUIC, or only begins like it: headers of all kinds, any version and length."""
    made = []
    for _ in range(chance.choice((1, 5, 60))):
        head = bytes([chance.choice((0x00, 0x40, 0x80, 0xC0, 0xC3, 0xD0, 0xE0, 0xF0, 0xFF))])
        version = chance.choice(
            (b"\0\0\0\1", b"\0\0\0\0", b"\xfa\xfa\xfa\xfa", chance.randbytes(4))
        )
        ids = bytes([chance.choice((0, 8, 20, 21, 255))]) + chance.randbytes(
            chance.choice((0, 8, 20))
        )
        size = chance.choice((0, 1, 40, 1172, 1400, 9000))
        made.append(head + version + ids + chance.randbytes(size))
    return made
