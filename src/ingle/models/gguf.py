"""A bounded reader of GGUF headers, so that a bad file is refused before an engine opens it.

The format: ggml's ``docs/gguf.md``. Little-endian; ``GGUF``, version, counts,
then metadata (typed key-value pairs), tensor infos, padding, tensor data.
Nothing here trusts a number of the file: counts and lengths have limits, all
arithmetic is in Python's integers, and only the header is ever read. The file
is read, not mapped: a mapped file that shrinks kills the process that reads it.

Long arrays (token lists) are walked and bounds-checked, but not kept. Tokens must differ.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec

from ingle.errors import BadModelFile
from ingle.models.tensor_types import TENSOR_TYPES, TensorType

MAGIC = b"GGUF"
MAX_TENSORS = 65_536
MAX_METADATA = 4_096
MAX_STRING = 1 << 20
MAX_NAME = 127
"""ggml keeps tensor names in 64 bytes, and as stable-diffusion.cpp builds it in 128, the last of
them zero."""
MAX_KEY = 65_535
MAX_ARRAY = 1 << 24
MAX_HEADER = 256 << 20
MAX_DIMENSIONS = 4
TOKENS = "tokenizer.ggml.tokens"
"""The vocabulary. An engine ends itself if two tokens of it are the same."""
MAX_TOKENS = 1 << 19
KEPT_ARRAY = 1_024
"""Arrays up to this many elements are kept as lists."""
_CHUNK = 1 << 20

_SCALARS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
FLOAT32, STRING, ARRAY = 6, 8, 9
_U32, _U64 = _SCALARS[4], _SCALARS[10]

Scalar = str | int | float | bool


class ArraySize(msgspec.Struct, frozen=True):
    """An array that was too long to keep: only its length is known."""

    length: int


Value = Scalar | list[Scalar] | ArraySize


class Tensor(msgspec.Struct, frozen=True):
    """One tensor's place and shape. ``offset`` counts from the start of the tensor data."""

    name: str
    shape: tuple[int, ...]
    type: TensorType
    offset: int
    elements: int
    size: int
    """Bytes."""


class Header(msgspec.Struct, frozen=True):
    """All that a GGUF file says before its tensor data."""

    version: int
    metadata: dict[str, Value]
    tensors: list[Tensor]
    alignment: int
    data_offset: int
    """Where in the file the tensor data starts."""
    file_size: int
    types: dict[str, int] = {}
    """The value type of each entry of the metadata, by its number in the file."""


class Incomplete(Exception):
    """The bytes at hand end inside the header, though the file continues. Fetch more."""


def read_header(path: Path) -> Header:
    """Read and check the header of a file.

    Raises:
        BadModelFile: the file is not a GGUF file, damaged, cut short, or beyond the
            limits above; the message says where and why.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        try:
            return _parse(_Reader(_filler(file), size))
        except BadModelFile as error:
            raise BadModelFile(
                f"{path.name}: {error.message}", hint=error.hint, path=str(path)
            ) from None


def read_tokens(path: Path) -> list[bytes]:
    """The vocabulary of a file, in the order of its ids; empty if it has none.

    Raises:
        BadModelFile: as `read_header`.
    """
    with path.open("rb") as file:
        reader = _Reader(_filler(file), path.stat().st_size)
        _parse(reader)
        return reader.tokens


def read_raw_metadata(path: Path) -> dict[str, bytes]:
    """The metadata of a file as it is written there: each key's type and value.

    Raises:
        BadModelFile: as `read_header`.
    """
    with path.open("rb") as file:
        reader = _Reader(_filler(file), path.stat().st_size)
        _parse(reader)
    return {key: bytes(reader.data[start:end]) for key, (start, end) in reader.places.items()}


def parse_header(data: bytes, file_size: int) -> Header:
    """Read a header from the first bytes of a file of ``file_size`` bytes.

    Raises:
        Incomplete: ``data`` ends within the header; try again with more of the file.
        BadModelFile: as `read_header`.
    """
    pieces = [data]

    def more() -> bytes:
        if not pieces:
            raise Incomplete
        return pieces.pop()

    return _parse(_Reader(more, file_size))


def _filler(file: BinaryIO) -> Callable[[], bytes]:
    def more() -> bytes:
        data = file.read(_CHUNK)
        if not data:
            raise _bad("the file was truncated while it was read")
        return data

    return more


class _Reader:
    """A position in a buffer that grows as needed, never past the file's end."""

    def __init__(self, more: Callable[[], bytes], size: int) -> None:
        self._more = more
        self.size = size
        self.data = bytearray()
        self.at = 0
        self.tokens: list[bytes] = []
        self.places: dict[str, tuple[int, int]] = {}
        """Of the metadata: where the type and the value of each key begin and end."""

    def need(self, count: int, what: str) -> None:
        """Make sure that ``count`` more bytes are in the buffer."""
        end = self.at + count
        if end > self.size:
            raise _bad(f"truncated in {what}: {end} bytes needed, the file has {self.size}")
        if end > MAX_HEADER:
            raise _bad(f"the header is larger than {MAX_HEADER >> 20} MiB (in {what})")
        while end > len(self.data):
            self.data += self._more()

    def number(self, kind: struct.Struct, what: str) -> int | float | bool:
        self.need(kind.size, what)
        (value,) = kind.unpack_from(self.data, self.at)
        self.at += kind.size
        assert isinstance(value, int | float)
        return value

    def integer(self, kind: struct.Struct, what: str) -> int:
        return int(self.number(kind, what))

    def text(self, what: str, limit: int = MAX_STRING) -> str:
        length = self.integer(_U64, what)
        if length > limit:
            raise _bad(f"{what} is {length} bytes long; the limit is {limit}")
        self.need(length, what)
        raw = bytes(self.data[self.at : self.at + length])
        self.at += length
        return raw.decode("utf-8", "replace")

    def texts(self, count: int, what: str) -> list[bytes]:
        """Strings, after they were walked over once: then all of them are at hand."""
        start = self.at
        self.skip_texts(count, what)
        unpack, data, at = _U64.unpack_from, bytes(self.data[start : self.at]), 0
        found = []
        for _ in range(count):
            end = at + 8 + unpack(data, at)[0]
            found.append(data[at + 8 : end])
            at = end
        return found

    def skip_texts(self, count: int, what: str) -> None:
        """Walk over strings without making objects of them: a vocabulary has 10^5 of them."""
        unpack, data, at, known = _U64.unpack_from, self.data, self.at, len(self.data)
        for _ in range(count):
            if at + 8 > known:
                self.at = at
                self.need(8, what)
                known = len(data)
            (length,) = unpack(data, at)
            if length > MAX_STRING:
                raise _long_text(what, length)
            at += 8 + length
        self.at = at
        self.need(0, what)


def _parse(reader: _Reader) -> Header:
    if reader.size == 0:
        raise _bad("the file is empty")
    reader.need(min(4, reader.size), "the magic number")
    magic = bytes(reader.data[:4])
    if magic != MAGIC:
        raise _bad(f"this is not a GGUF file: it starts with {magic!r}, not {MAGIC!r}")
    reader.at = 4
    version = reader.integer(_U32, "the version")
    if version not in (2, 3):
        raise _bad(_version_reason(version))
    tensor_count = reader.integer(_U64, "the tensor count")
    metadata_count = reader.integer(_U64, "the metadata count")
    if tensor_count > MAX_TENSORS:
        raise _bad(f"{tensor_count} tensors; the limit is {MAX_TENSORS}")
    if metadata_count > MAX_METADATA:
        raise _bad(f"{metadata_count} metadata entries; the limit is {MAX_METADATA}")

    metadata: dict[str, Value] = {}
    types: dict[str, int] = {}
    for index in range(metadata_count):
        key = reader.text(f"the key of metadata entry {index}", MAX_KEY)
        if not key or key in metadata:
            raise _bad(f"metadata key {key!r} is empty or duplicated")
        start = reader.at
        kind = types[key] = reader.integer(_U32, _named(key))
        metadata[key] = _value(reader, kind, _named(key))
        reader.places[key] = (start, reader.at)

    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not _valid_alignment(alignment):
        raise _bad(f"general.alignment is {alignment!r}, not a power of two from 8 to 65536")

    tensors = [_tensor(reader, index, alignment) for index in range(tensor_count)]
    data_offset = -(-reader.at // alignment) * alignment
    _check_layout(tensors, data_offset, reader.size)
    return Header(version, metadata, tensors, alignment, data_offset, reader.size, types)


def _value(reader: _Reader, kind: int, what: str) -> Value:
    if kind == STRING:
        return reader.text(what)
    if kind == ARRAY:
        return _array(reader, what)
    if kind not in _SCALARS:
        raise _bad(f"{what} has the unknown value type {kind}")
    return _scalar(reader, kind, what)


def _scalar(reader: _Reader, kind: int, what: str) -> Scalar:
    return reader.number(_SCALARS[kind], what)


def _array(reader: _Reader, what: str) -> list[Scalar] | ArraySize:
    kind = reader.integer(_U32, what)
    count = reader.integer(_U64, what)
    if count > MAX_ARRAY:
        raise _bad(f"{what} is a list of {count}; the limit is {MAX_ARRAY}")
    if kind == STRING:
        if what == _named(TOKENS):
            return _tokens(reader, count, what)
        if count <= KEPT_ARRAY:
            return [reader.text(what) for _ in range(count)]
        reader.skip_texts(count, what)
        return ArraySize(count)
    if kind not in _SCALARS:
        raise _bad(f"{what} is a list of the unknown or nested type {kind}")
    reader.need(count * _SCALARS[kind].size, what)
    if count <= KEPT_ARRAY:
        return [_scalar(reader, kind, what) for _ in range(count)]
    reader.at += count * _SCALARS[kind].size
    return ArraySize(count)


def _tokens(reader: _Reader, count: int, what: str) -> list[Scalar] | ArraySize:
    if count > MAX_TOKENS:
        raise _bad(f"{what} is a list of {count}; the limit is {MAX_TOKENS}")
    tokens = reader.texts(count, what)
    if len(set(tokens)) < count:
        _check_different(tokens, what)
    reader.tokens = tokens
    if count > KEPT_ARRAY:
        return ArraySize(count)
    return [token.decode("utf-8", "replace") for token in tokens]


def _check_different(tokens: list[bytes], what: str) -> None:
    """Engines give empty tokens names of their own; any other may be there once."""
    places: dict[bytes, int] = {}
    for place, token in enumerate(tokens):
        before = places.setdefault(token, place)
        if before != place and token:
            shown = token[:40].decode("utf-8", "replace")
            raise _bad(f"{what}: {shown!r} is both token {before} and token {place}")


def _named(key: str) -> str:
    return f"metadata {key[:80]!r}"


def _tensor(reader: _Reader, index: int, alignment: int) -> Tensor:
    name = reader.text(f"the name of tensor {index}", MAX_NAME)
    what = f"tensor {name!r}"
    dimensions = reader.integer(_U32, what)
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise _bad(f"{what} has {dimensions} dimensions; must be 1 to {MAX_DIMENSIONS}")
    shape = tuple(reader.integer(_U64, what) for _ in range(dimensions))
    type_id = reader.integer(_U32, what)
    offset = reader.integer(_U64, what)
    kind = TENSOR_TYPES.get(type_id)
    if kind is None:
        known = ", ".join(kind.name for kind in TENSOR_TYPES.values())
        raise _bad(f"{what} has the unknown type {type_id}; known are {known}")
    elements = 1
    for extent in shape:
        elements *= extent
    if not 0 < elements < 2**63:
        raise _bad(f"{what} has the impossible shape {shape}")
    if shape[0] % kind.block:
        raise _bad(f"{what}: rows of {shape[0]} do not divide into {kind.name} blocks")
    if offset % alignment:
        raise _bad(f"{what} starts at {offset}, which is not a multiple of {alignment}")
    if not name:
        raise _bad(f"tensor {index} has no name")
    return Tensor(name, shape, kind, offset, elements, elements // kind.block * kind.bytes)


def _check_layout(tensors: list[Tensor], data_offset: int, size: int) -> None:
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise _bad("two tensors have the same name")
    end, before = 0, ""
    for tensor in sorted(tensors, key=lambda tensor: tensor.offset):
        if tensor.offset < end:
            raise _bad(f"tensor {tensor.name!r} overlaps {before!r}")
        end, before = tensor.offset + tensor.size, tensor.name
        if data_offset + end > size:
            raise _bad(
                f"truncated: tensor {tensor.name!r} ends at byte {data_offset + end}, "
                f"the file has {size}"
            )


def _valid_alignment(alignment: int) -> bool:
    return 8 <= alignment <= 65_536 and alignment & (alignment - 1) == 0


def _version_reason(version: int) -> str:
    if version in (0x02000000, 0x03000000):
        return "this is a big-endian GGUF file; only little-endian ones are supported"
    return f"GGUF version {version} is not supported (2 and 3 are)"


def _long_text(what: str, length: int) -> BadModelFile:
    return _bad(f"a string of {what} is {length} bytes long; the limit is {MAX_STRING}")


def _bad(why: str) -> BadModelFile:
    return BadModelFile(why, hint="fetch the file again, or convert the model again")
