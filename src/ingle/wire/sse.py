"""Server-sent events, as bytes."""

from __future__ import annotations

import msgspec

CONTENT_TYPE = "text/event-stream; charset=utf-8"

encode = msgspec.json.Encoder().encode
"""JSON as bytes, shared: making an encoder costs more than using it."""


def data(payload: object) -> bytes:
    """One event without a name."""
    return b"data: " + encode(payload) + b"\n\n"


def named(name: str, payload: object) -> bytes:
    """One event with a name."""
    return b"event: " + name.encode() + b"\ndata: " + encode(payload) + b"\n\n"
