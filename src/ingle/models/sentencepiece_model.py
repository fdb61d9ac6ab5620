"""How many pieces a SentencePiece vocabulary has, and that it is one, without its library.

The file is a protocol buffer, ``ModelProto`` of ``sentencepiece_model.proto``: field 1 is a piece
(a text, a score, a type), field 2 how it was trained, field 3 how text is normalised.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ingle.errors import BadModelFile

MOST_BYTES = 32 << 20
MOST_PIECES = 1 << 20
_PIECE = 1
_WIDTHS = {1: 8, 5: 4}
"""Bytes of the types of fields that are of one size."""


class SentencePieceModel(NamedTuple):
    """What is told of it."""

    pieces: int
    bytes: int


def read_sentencepiece(path: Path) -> SentencePieceModel:
    """Walk through the fields of a file.

    Raises:
        BadModelFile: it is not such a file, or was cut short.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    try:
        if len(data) > MOST_BYTES:
            raise BadModelFile(f"more than {MOST_BYTES >> 20} MiB")
        pieces = _count(data)
        if not 3 <= pieces <= MOST_PIECES:
            raise BadModelFile(f"{pieces} pieces; must be 3 to {MOST_PIECES}")
    except BadModelFile as error:
        raise BadModelFile(
            f"{path.name} is not a SentencePiece vocabulary, or is damaged: {error.message}",
            path=str(path),
        ) from None
    return SentencePieceModel(pieces, len(data))


def _count(data: bytes) -> int:
    at = pieces = 0
    while at < len(data):
        key, at = _varint(data, at)
        field, kind = key >> 3, key & 7
        if not 1 <= field <= 5 and field < 200:
            raise BadModelFile(f"unknown field {field} at byte {at}")
        if kind == 0:
            _, at = _varint(data, at)
        elif kind in _WIDTHS:
            at += _WIDTHS[kind]
        elif kind == 2:
            size, at = _varint(data, at)
            at += size
            pieces += field == _PIECE
        else:
            raise BadModelFile(f"unknown type {kind} at byte {at}")
    if at != len(data):
        raise BadModelFile(f"it ends at byte {len(data)}, within a field")
    return pieces


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise BadModelFile(f"it ends at byte {len(data)}, within a number")
