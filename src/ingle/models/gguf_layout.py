"""A GGUF file that is to be written: its header, and where in it each tensor goes.

All of it is known before the first number is computed, so the size of the file is, too, and a
writer that was interrupted can continue at a tensor. Metadata is copied as bytes: vocabularies of
10^5 tokens become no Python objects, and what is not understood is not changed.

The format: ggml's ``docs/gguf.md``, version 3.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ingle.models.gguf import ARRAY, MAGIC, STRING

VERSION = 3
ALIGNMENT = 32
UINT32 = 4


class NewTensor(NamedTuple):
    """A tensor of the new file.

    Args:
        shape: as GGUF has it, rows first: ``(columns, rows, experts)``.
        type: its number in ggml.
        size: bytes.
    """

    name: str
    shape: tuple[int, ...]
    type: int
    size: int


def uint32(value: int) -> bytes:
    """A value of the metadata with its type."""
    return struct.pack("<II", UINT32, value)


def string(value: str) -> bytes:
    """A value of the metadata with its type."""
    return struct.pack("<I", STRING) + _text(value)


def string_list(values: Sequence[str]) -> bytes:
    """A value of the metadata with its type."""
    head = struct.pack("<IIQ", ARRAY, STRING, len(values))
    return head + b"".join(_text(value) for value in values)


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack("<Q", len(encoded)) + encoded


class GgufLayout:
    """The places of a file.

    Args:
        metadata: from keys to types and values as they are written, in their order.
        tensors: in the order in which they are written.
    """

    def __init__(
        self, metadata: Mapping[str, bytes], tensors: Sequence[NewTensor], alignment: int = 0
    ) -> None:
        self.alignment = alignment or ALIGNMENT
        self.tensors = tuple(tensors)
        places, at = list[int](), 0
        for tensor in tensors:
            places.append(at)
            at += self.padded(tensor.size)
        self.header = self._header(metadata, places)
        """With the padding behind it."""
        self.offsets = tuple(len(self.header) + place for place in places)
        """Where in the file each tensor begins."""
        self.size = len(self.header) + at
        """Of the whole file in bytes."""

    def padded(self, size: int) -> int:
        """Bytes up to the next multiple of the alignment."""
        return -(-size // self.alignment) * self.alignment

    def _header(self, metadata: Mapping[str, bytes], places: Sequence[int]) -> bytes:
        parts = [struct.pack("<4sIQQ", MAGIC, VERSION, len(self.tensors), len(metadata))]
        parts += [_text(key) + value for key, value in metadata.items()]
        for tensor, place in zip(self.tensors, places, strict=True):
            sides = struct.pack(f"<{len(tensor.shape)}Q", *tensor.shape)
            parts += [
                _text(tensor.name),
                struct.pack("<I", len(tensor.shape)),
                sides,
                struct.pack("<IQ", tensor.type, place),
            ]
        header = b"".join(parts)
        return header.ljust(self.padded(len(header)), b"\0")
