"""The header of a safetensors file, read with bounds: names, types and places of its tensors.

Format: https://huggingface.co/docs/safetensors (a length of 8 bytes, JSON, then the numbers).
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from pathlib import Path

import msgspec

from ingle.errors import BadModelFile
from ingle.operations.encoded import UNREADABLE

MOST_HEADER = 32 << 20
_LENGTH = struct.Struct("<Q")
_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I64": 8, "I32": 4,
    "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1,
}  # fmt: skip


class StoredTensor(msgspec.Struct, frozen=True):
    """One tensor."""

    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]

    @property
    def elements(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.data_offsets[1] - self.data_offsets[0]


class SafetensorsHeader(msgspec.Struct, frozen=True):
    """What a file holds."""

    tensors: dict[str, StoredTensor]
    metadata: dict[str, str]

    @property
    def size(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.size for tensor in self.tensors.values())

    @property
    def types(self) -> Counter[str]:
        """Bytes by type."""
        found: Counter[str] = Counter()
        for tensor in self.tensors.values():
            found[tensor.dtype] += tensor.size
        return found


def read_safetensors(path: Path) -> SafetensorsHeader:
    """Read and check it: every tensor lies where it should, and the file ends where the last does.

    Raises:
        BadModelFile: it is damaged, cut off, or not a safetensors file.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(_LENGTH.size)
        if len(start) < _LENGTH.size:
            raise _bad(path, f"it has {size} bytes, too few for a safetensors file")
        (length,) = _LENGTH.unpack(start)
        if not 2 <= length <= min(MOST_HEADER, size - _LENGTH.size):
            raise _bad(path, f"not a safetensors file: its header would have {length} bytes")
        data = file.read(length)
    try:
        found = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        metadata = msgspec.json.decode(found.pop("__metadata__", b"{}"), type=dict[str, str])
        tensors = {name: msgspec.json.decode(raw, type=StoredTensor) for name, raw in found.items()}
    except UNREADABLE as error:
        raise _bad(path, f"its header cannot be read ({error})") from None
    _check(path, tensors, size - _LENGTH.size - length)
    return SafetensorsHeader(tensors, metadata)


def _check(path: Path, tensors: dict[str, StoredTensor], room: int) -> None:
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1].data_offsets):
        width = _BYTES.get(tensor.dtype)
        if width is None:
            raise _bad(path, f"{name[:200]} has an unknown type {tensor.dtype[:40]!r}")
        if any(each < 0 for each in tensor.shape) or tensor.size != width * tensor.elements:
            raise _bad(path, f"{name[:200]} has {tensor.size} bytes, which is not its shape")
        if tensor.data_offsets[0] != end:
            raise _bad(path, f"{name[:200]} begins at {tensor.data_offsets[0]}, not at {end}")
        end = tensor.data_offsets[1]
    if end != room:
        raise _bad(path, f"its tensors need {end} bytes, but {room} are there: it was cut off")


def _bad(path: Path, why: str) -> BadModelFile:
    return BadModelFile(f"{path.name}: {why}", hint="pull the model again", path=str(path))
