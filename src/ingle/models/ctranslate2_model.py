"""The descriptions in CTranslate2's ``model.bin``: variables, their shapes and where they lie.

The format, read off CTranslate2's own writer (``specs/model_spec.py``) and reader
(``src/models/model.cc``): version, name and revision of the specification, then each variable with
its name, shape, type, size and data, then aliases, which are other names of variables. All
little-endian; names end in a zero byte, which their length counts.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import NamedTuple

from ingle.errors import BadModelFile
from ingle.models.file_fields import FileFields, opened

OLDEST, NEWEST = 4, 6
"""Versions of the format. Before 4, variables have no types."""
MAX_VARIABLES = 65_536
MAX_RANK = 8
MAX_NAME = 1_024
MAX_READ = 16 << 20

_U8, _U16, _U32 = struct.Struct("<B"), struct.Struct("<H"), struct.Struct("<I")


class VariableType(NamedTuple):
    """How a variable's numbers are stored."""

    name: str
    bytes: int


VARIABLE_TYPES = {
    0: VariableType("float32", 4),
    1: VariableType("int8", 1),
    2: VariableType("int16", 2),
    3: VariableType("int32", 4),
    4: VariableType("float16", 2),
    5: VariableType("bfloat16", 2),
}


class Variable(NamedTuple):
    """One variable's shape and place in the file."""

    name: str
    shape: tuple[int, ...]
    type: VariableType
    offset: int
    size: int
    """Bytes."""


class CTranslate2Model(NamedTuple):
    """All that a ``model.bin`` says of its weights."""

    specification: str
    """As in ``WhisperSpec`` or ``TransformerSpec``."""
    revision: int
    variables: dict[str, Variable]
    aliases: dict[str, str]
    """Other names, and the variables that they mean."""


def read_model(path: Path) -> CTranslate2Model:
    """Read and check the descriptions of a file, to its very end.

    Raises:
        BadModelFile: it is another kind of file, damaged, cut short or beyond the limits above;
            says where and why.
        OSError: it cannot be read.
    """
    with opened(path, MAX_READ) as fields:
        return _parse(fields)


def specification_of(path: Path) -> str:
    """The name of a file's specification, of which no more than the beginning need be there.

    Raises:
        BadModelFile, OSError: as `read_model`.
    """
    with opened(path, MAX_READ) as fields:
        return _specification(fields)


def _specification(fields: FileFields) -> str:
    (version,) = fields.unpack(_U32, "the version")
    if not OLDEST <= version <= NEWEST:
        raise BadModelFile(
            f"this is not a CTranslate2 model of a version from {OLDEST} to {NEWEST}"
            f" (it starts with {version})"
        )
    return _text(fields, "the specification's name")


def _parse(fields: FileFields) -> CTranslate2Model:
    specification = _specification(fields)
    (revision,) = fields.unpack(_U32, "the specification's revision")
    (count,) = fields.unpack(_U32, "the number of variables")
    if count > MAX_VARIABLES:
        raise BadModelFile(f"{count} variables; the limit is {MAX_VARIABLES}")
    variables: dict[str, Variable] = {}
    for index in range(count):
        variable = _variable(fields, index)
        if variable.name in variables:
            raise BadModelFile(f"variable {variable.name!r} is there twice")
        variables[variable.name] = variable
    (count,) = fields.unpack(_U32, "the number of aliases")
    if count > MAX_VARIABLES:
        raise BadModelFile(f"{count} aliases; the limit is {MAX_VARIABLES}")
    aliases = {_text(fields, "an alias"): _text(fields, "an alias") for _ in range(count)}
    if not aliases.keys().isdisjoint(variables) or not variables.keys() >= set(aliases.values()):
        raise BadModelFile("an alias is a variable itself, or means none")
    if not fields.ended:
        raise BadModelFile(f"{fields.size - fields.at} bytes follow the end of the model")
    return CTranslate2Model(specification, revision, variables, aliases)


def _variable(fields: FileFields, index: int) -> Variable:
    name = _text(fields, f"the name of variable {index}")
    what = f"variable {name!r}"
    (rank,) = fields.unpack(_U8, what)
    if rank > MAX_RANK:
        raise BadModelFile(f"{what} has {rank} dimensions; the limit is {MAX_RANK}")
    shape = fields.unpack(struct.Struct(f"<{rank}I"), what)
    (number,) = fields.unpack(_U8, what)
    if number not in VARIABLE_TYPES:
        raise BadModelFile(f"{what} has the unknown type {number}")
    kind = VARIABLE_TYPES[number]
    (size,) = fields.unpack(_U32, what)
    if size != math.prod(shape) * kind.bytes:
        raise BadModelFile(f"{what} is {size} bytes long; its shape needs another size")
    offset = fields.at
    fields.skip(size, what)
    return Variable(name, shape, kind, offset, size)


def _text(fields: FileFields, what: str) -> str:
    (length,) = fields.unpack(_U16, what)
    if not 0 < length <= MAX_NAME:
        raise BadModelFile(f"{what} is {length} bytes long; must be 1 to {MAX_NAME}")
    return fields.read(length, what).rstrip(b"\0").decode("utf-8", "replace")
