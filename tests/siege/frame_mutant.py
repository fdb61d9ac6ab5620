"""Frames as an attacker would write them: recorded ones, changed, cut, nested and out of order."""

from __future__ import annotations

import base64
import functools
import json
import random
import struct
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

RECORDED = Path(__file__).parents[1] / "protocol" / "recorded"
LEFT_OUT = ("shutdown", "suspend", "reset_identity", "hand_over", "train")
"""Operations that do to a node what its owner may do to it, and end what is to be attacked."""
NUMBERS = (-1, 0, 1, 2, 7, 511, 2**31, 2**32, 2**63 - 1, -(2**63), 2**64 - 1)
LENGTHS = (0, 1, 3, 4, 255, 2**16, 2**24, 64 * 2**20, 64 * 2**20 + 1, 2**31, 2**32 - 1)
TAGS = ("h", "o", "i", "e", "f", "c", "w", "d", "z", "r", "p", "q", "later", "", "\0", 5, None, [])
VALUES: tuple[Any, ...] = (
    None, True, -1, 2**63, 1.5, "", "x", b"\xff", [], {}, [[]], {"op": "chat"}, {"op": 5},
    {"op": "list", "op ": []}, {"op": "nothing"}, "x" * 70_000, {str(n): n for n in range(3000)},
)  # fmt: skip
PING = 4711
"""The number of the last ping: who still listens answers it."""


class FrameProbe(NamedTuple):
    """What is sent, in which pieces, and whether the last frame is whole."""

    pieces: list[bytes]
    half_open: bool
    unaligned: bool
    """A length in it is wrong: the node may wait for the rest of a frame."""
    said: str


def framed(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def packed(value: Any) -> bytes:
    return framed(msgspec.msgpack.encode(value))


@functools.cache
def recorded() -> list[bytes]:
    """The bodies of all recorded frames that do not end the node."""
    rows = [
        json.loads(line)
        for path in sorted(RECORDED.glob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    kept = [row for row in rows if row["name"] not in LEFT_OUT]
    return [base64.b64decode(row["frame"])[4:] for row in kept]


def frame_probe(chance: random.Random, hello: bytes) -> FrameProbe:
    """Some frames after a greeting (or without one), and a ping that ends them."""
    made = [chance.choice(_KINDS)(chance) for _ in range(chance.choice((1, 1, 2, 5)))]
    said = ", ".join(f"{name} {data[:60]!r}" for name, data in made)
    data = b"".join(data for _, data in made) + packed(["p", PING])
    if chance.random() < 0.9:
        data = hello + data
    half_open = chance.random() < 0.15
    if half_open:
        data = data[: chance.randrange(1, len(data))]
    unaligned = any(name in ("length", "noise") for name, _ in made)
    return FrameProbe(_split(chance, data), half_open, unaligned, said)


def _split(chance: random.Random, data: bytes) -> list[bytes]:
    """At every byte, at some, or not at all."""
    if len(data) < 400 and chance.random() < 0.1:
        return [data[at : at + 1] for at in range(len(data))]
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.choice((0, 1, 5))))
    ends = [*cuts, len(data)]
    return [data[start:end] for start, end in zip([0, *cuts], ends, strict=True) if start < end]


def _sound(chance: random.Random) -> tuple[str, bytes]:
    return "recorded", framed(chance.choice(recorded()))


def _flipped(chance: random.Random) -> tuple[str, bytes]:
    body = bytearray(chance.choice(recorded()))
    for _ in range(chance.choice((1, 1, 4))):
        body[chance.randrange(len(body))] = chance.randrange(256)
    return "flipped", framed(bytes(body))


def _cut(chance: random.Random) -> tuple[str, bytes]:
    body = chance.choice(recorded())
    return "cut", framed(body[: chance.randrange(len(body))])


def _wrong_length(chance: random.Random) -> tuple[str, bytes]:
    body = chance.choice(recorded())
    length = chance.choice((*LENGTHS, len(body) - 1, len(body) + 1))
    return "length", struct.pack(">I", max(0, length)) + body


def _built(chance: random.Random) -> tuple[str, bytes]:
    """A frame of any kind with any content."""
    count = chance.choice((0, 1, 2, 2, 3, 5))
    fields = [chance.choice((*NUMBERS, *VALUES)) for _ in range(count)]
    body = [chance.choice(TAGS), *fields]
    return "built", packed(body)


def _numbers(chance: random.Random) -> tuple[str, bytes]:
    """Credit, room, cancels, pieces and ends of streams that are open, or are not."""
    stream = chance.choice(NUMBERS)
    opened = packed(["o", stream, {"op": "list"}]) if chance.random() < 0.5 else b""
    other = chance.choice(
        (["w", stream, chance.choice(NUMBERS)], ["r", stream, chance.choice(NUMBERS)],
         ["c", stream], ["e", stream], ["f", stream, {}], ["z", stream], ["i", stream, {}],
         ["d", stream, {"piece": "bytes", "data": b"x" * 2**20}], ["o", stream, {"op": "list"}])
    )  # fmt: skip
    return "numbers", opened + packed(other) * chance.choice((1, 2, 40))


def _nested(chance: random.Random) -> tuple[str, bytes]:
    depth = chance.choice((10, 600, 100_000))
    inside = chance.choice((b"\x91", b"\x81\xa1a")) * depth + b"\xc0"
    start = chance.choice((b"\x93\xa1o\x07", b"\x92\xa1p", b"\x93\xa1h\x01", b""))
    return "nested", framed(start + inside)


def _noise(chance: random.Random) -> tuple[str, bytes]:
    return "noise", chance.randbytes(chance.choice((1, 4, 50, 5000)))


def _many(chance: random.Random) -> tuple[str, bytes]:
    """More than anyone needs: of pings, of streams, of empty frames."""
    what = chance.choice(
        (packed(["p", 1]), framed(b""), packed(["later", 1]), packed(["h", 1, {}]))
    )
    return "many", what * chance.choice((100, 5000))


_KINDS = (
    _sound, _sound, _flipped, _flipped, _flipped, _cut, _wrong_length, _built, _built, _numbers,
    _numbers, _nested, _noise, _many,
)  # fmt: skip
