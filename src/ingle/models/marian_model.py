"""The descriptions in Marian's binary models, as Firefox's translations and Bergamot have them.

The format, read off Marian's own reader (``src/common/binary.cpp``): version 1 and the number of
tensors as 64-bit integers; for each the lengths of its name, its type, how many dimensions it has
and the length of its data; all names, all shapes; then the number of bytes up to the data, which
lies aligned to 256. All little-endian; names end in a zero byte, which their length counts.
"""

from __future__ import annotations

import math
import re
import struct
from pathlib import Path
from typing import NamedTuple

from ingle.errors import BadModelFile
from ingle.models.file_fields import FileFields, opened

MOST_TENSORS = 4096
MOST_NAME = 256
MOST_RANK = 8
MOST_READ = 4 << 20
CONFIG = "special:model.yml"
MOST_CONFIG = 1 << 16
_U64 = struct.Struct("<Q")
_SIZES = struct.Struct("<QQQQ")
BYTES = {0x0101: 1, 0x0404: 4, 0x0402: 2, 0x0408: 8, 0x4101: 1, 0x4102: 2, 0x0104: 4}
"""Bytes of one number, by the type's code. Those of intgemm have a multiplier behind them."""
_SETTING = re.compile(r"^([a-z-]+):[ \t]*(\S[^\n]*)?$", re.MULTILINE)


class MarianTensor(NamedTuple):
    """One tensor."""

    name: str
    type: int
    shape: tuple[int, ...]
    size: int
    """Bytes, with what pads it."""


class MarianModel(NamedTuple):
    """All that a file says of its weights."""

    tensors: dict[str, MarianTensor]
    config: dict[str, str]
    """Its settings that are of one word or number, such as ``dim-emb``."""

    def number(self, name: str) -> int:
        """A setting that is a number; 0 if it is not there."""
        text = self.config.get(name, "")
        return int(text) if text.isdecimal() else 0


def read_marian(path: Path) -> MarianModel:
    """Read and check the descriptions of a file, to its very end.

    Raises:
        BadModelFile: it is another kind of file, damaged, cut short or beyond the limits above;
            says where and why.
        OSError: it cannot be read.
    """
    with opened(path, MOST_READ) as fields:
        return _parse(fields)


def is_marian(path: Path) -> bool:
    """It begins as a binary model of Marian's does."""
    with path.open("rb") as file:
        head = file.read(16)
    return len(head) == 16 and head[:8] == _U64.pack(1) and 0 < _U64.unpack(head[8:])[0] < 4096


def _parse(fields: FileFields) -> MarianModel:
    (version,) = fields.unpack(_U64, "the version")
    if version != 1:
        raise BadModelFile(f"this is not a binary Marian model (version {version}, not 1)")
    (count,) = fields.unpack(_U64, "the number of tensors")
    if not 0 < count <= MOST_TENSORS:
        raise BadModelFile(f"{count} tensors; must be 1 to {MOST_TENSORS}")
    heads = [fields.unpack(_SIZES, f"the sizes of tensor {index}") for index in range(count)]
    names = [_name(fields, head[0], index) for index, head in enumerate(heads)]
    shapes = []
    for name, head in zip(names, heads, strict=True):
        if head[2] > MOST_RANK:
            raise BadModelFile(f"{name} has {head[2]} dimensions; the limit is {MOST_RANK}")
        shape = fields.unpack(struct.Struct(f"<{head[2]}i"), f"the shape of {name}")
        if any(size < 0 for size in shape):
            raise BadModelFile(f"{name} has a negative dimension")
        shapes.append(shape)
    (padding,) = fields.unpack(_U64, "the padding before the data")
    fields.skip(padding, "the padding before the data")
    tensors: dict[str, MarianTensor] = {}
    config: dict[str, str] = {}
    for name, head, shape in zip(names, heads, shapes, strict=True):
        kind, size = head[1], head[3]
        if kind not in BYTES:
            raise BadModelFile(f"{name} has the unknown type {kind:#x}")
        if size < math.prod(shape) * BYTES[kind]:
            raise BadModelFile(f"{name} is {size} bytes long; its shape needs more")
        if name in tensors:
            raise BadModelFile(f"{name} is there twice")
        tensors[name] = MarianTensor(name, kind, shape, size)
        if name == CONFIG:
            config = _config(fields, size)
        else:
            fields.skip(size, name)
    if not fields.ended:
        raise BadModelFile(f"{fields.size - fields.at} bytes follow the end of the model")
    return MarianModel(tensors, config)


def _name(fields: FileFields, length: int, index: int) -> str:
    if not 0 < length <= MOST_NAME:
        raise BadModelFile(f"the name of tensor {index} is {length} bytes long")
    data = fields.read(length, f"the name of tensor {index}")
    return data.rstrip(b"\0").decode("utf-8", "replace")


def _config(fields: FileFields, size: int) -> dict[str, str]:
    if size > MOST_CONFIG:
        raise BadModelFile(f"{CONFIG} is {size} bytes long; the limit is {MOST_CONFIG}")
    text = fields.read(size, CONFIG).rstrip(b"\0").decode("utf-8", "replace")
    return {found[1]: (found[2] or "").strip().strip("\"'") for found in _SETTING.finditer(text)}
