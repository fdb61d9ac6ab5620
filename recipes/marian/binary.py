"""Writes Marian's binary model of eight bits, a shortlist and a SentencePiece vocabulary."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

FLOAT32, INTGEMM8, BYTES = 0x0404, 0x4101, 0x0101
ALIGNED = 256
_SHORTLIST_MAGIC = 0xF11A48D5013417F5


class Tensor(NamedTuple):
    """One of a file's tensors."""

    name: str
    type: int
    shape: tuple[int, ...]
    data: bytes


def floats(name: str, values: Any) -> Tensor:
    """Numbers as they are."""
    array = np.atleast_2d(np.asarray(values, "<f4"))
    return Tensor(name, FLOAT32, array.shape, array.tobytes())


def eight_bits(name: str, matrix: Any, *, embedding: bool = False) -> Tensor:
    """A matrix in eight bits with its multiplier behind it. All but embeddings are transposed."""
    values = np.asarray(matrix, "<f4")
    multiplier = 127 / np.abs(values).max()
    quantised = np.clip(np.rint(values * multiplier), -127, 127).astype(np.int8)
    data = quantised if embedding else quantised.T
    return Tensor(name, INTGEMM8, values.shape, data.tobytes() + struct.pack("<f", multiplier))


def student_tensors(weights: Mapping[str, Any], largest: Mapping[str, float]) -> list[Tensor]:
    """A student's weights as Firefox's models have them, with the alphas of their inputs."""
    found = []
    for name, values in weights.items():
        if name == "Wemb":
            found.append(eight_bits(name, values, embedding=True))
            alpha = [127 / largest["none"]]
            found += [floats("none_QuantMultA", alpha), floats("Wemb_QuantMultA", alpha)]
        elif "_W" in name and "_ln_" not in name:
            found.append(eight_bits(name, values))
            found.append(floats(f"{name}_QuantMultA", [127 / largest[name]]))
        else:
            found.append(floats(name, values))
    return found


def settings(*, vocabulary: int, width: int, inner: int, encoder: int, decoder: int) -> Tensor:
    """What a student says of itself."""
    text = (
        f"type: transformer\nversion: v1.9\ndim-emb: {width}\n"
        f"dim-vocabs:\n  - {vocabulary}\n  - {vocabulary}\n"
        f"enc-depth: {encoder}\ndec-depth: {decoder}\ndec-cell: ssru\n"
        "transformer-heads: 8\n"
        f"transformer-dim-ffn: {inner}\ntransformer-decoder-dim-ffn: {inner}\n"
        "transformer-ffn-depth: 2\ntransformer-decoder-ffn-depth: 0\n"
        "transformer-ffn-activation: relu\ntransformer-decoder-autoreg: rnn\n"
        "transformer-aan-activation: swish\ntransformer-guided-alignment-layer: last\n"
        'transformer-preprocess: ""\ntransformer-postprocess: dan\n'
        "transformer-postprocess-emb: d\ntransformer-no-projection: false\n"
        "transformer-tied-layers: []\ntransformer-train-position-embeddings: false\n"
        "tied-embeddings: false\ntied-embeddings-all: true\ntied-embeddings-src: false\n"
        "bert-train-type-embeddings: false\ninput-types: []\nlayer-normalization: false\n"
        "ulr: false\n"
    )
    data = text.encode() + b"\0"
    return Tensor("special:model.yml", BYTES, (len(data),), data)


def write_model(path: Path, tensors: Sequence[Tensor]) -> None:
    """Write a model's file."""
    padded = [each.data + bytes(-len(each.data) % ALIGNED) for each in tensors]
    head = struct.pack("<QQ", 1, len(tensors))
    for each, data in zip(tensors, padded, strict=True):
        head += struct.pack("<4Q", len(each.name) + 1, each.type, len(each.shape), len(data))
    head += b"".join(each.name.encode() + b"\0" for each in tensors)
    head += b"".join(struct.pack(f"<{len(each.shape)}i", *each.shape) for each in tensors)
    padding = -(len(head) + 8) % ALIGNED
    path.write_bytes(head + struct.pack("<Q", padding) + bytes(padding) + b"".join(padded))


def write_shortlist(path: Path, targets: Sequence[Sequence[int]], first: int, best: int) -> None:
    """Write which target pieces may stand for each source piece."""
    offsets = np.cumsum([0, *map(len, targets)]).astype("<u8")
    words = np.concatenate([np.asarray(each, "<u4") for each in targets])
    body = struct.pack("<4Q", first, best, len(offsets), len(words))
    body += offsets.tobytes() + words.tobytes()
    checksum = 0
    for (value,) in struct.iter_unpack("<Q", body[: len(body) // 8 * 8]):
        mixed = value + 0x9E3779B9 + (checksum << 6) + (checksum >> 2)
        checksum = (checksum ^ mixed) % 2**64
    path.write_bytes(struct.pack("<QQ", _SHORTLIST_MAGIC, checksum) + body)


def write_vocabulary(path: Path, pieces: Iterable[str]) -> None:
    """Write a SentencePiece vocabulary of whole words, for models of random weights."""
    written = _piece("</s>", 0.0, 3) + _piece("<unk>", 0.0, 2)
    for place, piece in enumerate(pieces):
        written += _piece(piece, -place / 1000, 1)
    trained = _field(2, _number(3, 1))  # a unigram model
    path.write_bytes(written + trained + _field(3, _field(1, b"identity")))


def _piece(text: str, score: float, kind: int) -> bytes:
    scored = _varint(2 << 3 | 5) + struct.pack("<f", score)
    return _field(1, _field(1, text.encode()) + scored + _number(3, kind))


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])
