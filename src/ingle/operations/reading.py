"""Reading operations off the wire, also those of a newer sender.

In two steps: the tag says which operation it is, then the rest is decoded as that one. A
field that this version does not know was optional to its sender, who left it out for older
receivers once; so it is ignored, and the sender is told (`Started.ignored`).
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import inspect

from ingle.errors import CapabilityMissing, InvalidRequest, ProtocolError
from ingle.operations import registry
from ingle.operations.capability import Capability
from ingle.operations.encoded import UNREADABLE, peek
from ingle.operations.operation import Operation, invalid_field

T = TypeVar("T", bound=Operation)
MOST_IGNORED = 64
"""Names of ignored fields that are told; a request may hold any number of them."""

_loose = msgspec.msgpack.Decoder()


class ReceivedOperation(NamedTuple):
    """An operation as it was read."""

    operation: Operation
    capability: Capability
    ignored: list[str]
    """Fields that are not known here, by their path."""


def read(data: bytes) -> ReceivedOperation:
    """An operation from MessagePack.

    Raises:
        CapabilityMissing: an operation that is not known here.
        InvalidRequest: a field is wrong; ``details['field']`` names it.
    """
    try:
        name = peek(data)
    except ProtocolError as error:
        raise InvalidRequest(f"the request cannot be read: {error.message}", field="op") from None
    found = registry.of_operation(name)
    if found is None:
        raise unknown(name)
    capability, kind = found
    try:
        operation = _decoder(kind).decode(data)
        if not _drops(kind):
            return ReceivedOperation(operation, capability, [])
    except msgspec.ValidationError as error:
        if "unknown field" not in str(error):
            raise invalid_field("", error) from None
    except UNREADABLE as error:
        raise _unreadable(error) from None
    return _read_newer(data, capability, kind)


def from_json(data: bytes | str) -> Operation:
    """Read an operation from JSON; the ``op`` field says which. Unknown fields are refused.

    Raises:
        InvalidRequest: not JSON, or a bad field (named).
        CapabilityMissing: an operation that is not known here.
    """
    try:
        value = msgspec.json.decode(data)
    except UNREADABLE as error:
        raise InvalidRequest(f"the request is not JSON: {error}") from None
    name = value.get("op") if isinstance(value, dict) else None
    if not isinstance(name, str):
        raise InvalidRequest("the request does not name an operation", field="op")
    found = registry.of_operation(name)
    if found is None:
        raise unknown(name)
    try:
        return kept(value, found[1])
    except msgspec.ValidationError as error:
        raise invalid_field("", error) from None


def kept(fields: dict[str, Any], kind: type[T]) -> T:
    """An operation from JSON that was read already, such as that of a file.

    Raises:
        msgspec.ValidationError: a field is unknown or wrong.
        InvalidRequest: as `Operation.from_wire`.
    """
    return msgspec.json.decode(msgspec.json.encode(kind.from_wire(fields)), type=kind)


def unknown(name: str) -> CapabilityMissing:
    """The error for an operation that this version does not have."""
    return CapabilityMissing(
        f"this node cannot perform {name[:100]!r}",
        hint="update ingle on the device that is asked: pip install --upgrade ingle",
        capability=name[:100],
    )


def _unreadable(error: Exception) -> InvalidRequest:
    return InvalidRequest(f"the request cannot be read: {error}", field="request")


def _read_newer(data: bytes, capability: Capability, kind: type[Operation]) -> ReceivedOperation:
    try:
        value = _loose.decode(data)
    except UNREADABLE as error:
        raise _unreadable(error) from None
    if isinstance(value, dict):
        value = kind.from_wire(value)
    found: list[str] = []
    _strip(value, inspect.type_info(kind), "", found)
    ignored = list(dict.fromkeys(found))[:MOST_IGNORED]
    try:
        return ReceivedOperation(msgspec.convert(value, kind), capability, ignored)
    except msgspec.ValidationError as error:
        raise invalid_field("", error) from None


def _strip(value: Any, kind: inspect.Type, path: str, ignored: list[str]) -> None:
    """Take out of plain data what its type does not have, and note where it was."""
    match kind:
        case inspect.Metadata(type=inner):
            _strip(value, inner, path, ignored)
        case inspect.UnionType(types=types):
            for inner in types:
                if _fits(value, inner):
                    _strip(value, inner, path, ignored)
                    return
        case inspect.StructType() if isinstance(value, dict):
            known = {field.encode_name: field.type for field in kind.fields}
            for name in list(value):
                if name in known:
                    _strip(value[name], known[name], f"{path}{name}.", ignored)
                elif name != kind.tag_field:
                    ignored.append(f"{path}{name}"[:200])
                    del value[name]
        case inspect.ListType(item_type=inner) | inspect.VarTupleType(item_type=inner):
            if isinstance(value, (list, tuple)):
                for item in value:
                    _strip(item, inner, path, ignored)
        case inspect.DictType(value_type=inner):
            if isinstance(value, dict):
                for item in value.values():
                    _strip(item, inner, path, ignored)


@functools.cache
def _drops(kind: type[Operation]) -> bool:
    """Would msgspec drop unknown fields of it in silence? Then each has to be looked for.

    The package's own requests are made of `Checked`, which does not; a plug-in's may not be.
    """
    seen: set[type] = set()
    todo: list[inspect.Type] = [inspect.type_info(kind)]
    while todo:
        match todo.pop():
            case inspect.StructType(cls=cls) as found if cls not in seen:
                if not found.forbid_unknown_fields:
                    return True
                seen.add(cls)
                todo += [field.type for field in found.fields]
            case inspect.Metadata(type=inner):
                todo.append(inner)
            case inspect.UnionType(types=types):
                todo += types
            case inspect.ListType(item_type=inner) | inspect.VarTupleType(item_type=inner):
                todo.append(inner)
            case inspect.DictType(value_type=inner):
                todo.append(inner)
    return False


def _fits(value: Any, kind: inspect.Type) -> bool:
    """Which of several types a value is of, by its tag or its shape."""
    if isinstance(kind, inspect.Metadata):
        return _fits(value, kind.type)
    if isinstance(kind, inspect.StructType):
        tagged = kind.tag_field is None or (
            isinstance(value, dict) and value.get(kind.tag_field) == kind.tag
        )
        return isinstance(value, dict) and tagged
    if isinstance(kind, (inspect.ListType, inspect.VarTupleType)):
        return isinstance(value, (list, tuple))
    return False


@functools.cache
def _decoder(kind: type[Operation]) -> msgspec.msgpack.Decoder[Operation]:
    return msgspec.msgpack.Decoder(kind)
