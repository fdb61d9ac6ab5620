"""Any request that its declaration allows: strategies made of the types of its fields."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from ingle.capabilities.collections.operation import AttributeFilter
from ingle.errors import InvalidRequest
from ingle.operations import Operation
from ingle.operations.guest_rules import GrantedAdapters, GrantedModel, guest_rules

NAMES = ("poet", "other")
SIZE = 3
"""Items of a list, at most."""
_TEXTS = st.text("abc é\n", max_size=40) | st.just("word " * 60)
_IN_PATTERN = {
    r"^[A-Za-z0-9_.:-]{1,128}$": ["tool", "other-tool"],
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$": ["run", "run-2"],
    r"^[0-9a-f]{64}$": ["ab" * 32, "cd" * 32],
    r"^([a-z]{2,3})?$": ["", "en"],
    r"^[a-z]{2,3}$": ["en", "de"],
    r"^([A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3})?$": ["", "de", "zh-Hant"],
}


@functools.cache
def requests(kind: type[Operation]) -> st.SearchStrategy[Operation | None]:
    """Requests of a kind with any field given or left out; None for what may not be asked."""
    rules = guest_rules(kind)
    fields: dict[str, st.SearchStrategy[Any]] = {}
    needed = set()
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        values = _values(field.type)
        if isinstance(rules[field.name], GrantedModel):
            values = st.sampled_from(NAMES)
        elif isinstance(rules[field.name], GrantedAdapters):
            values = st.just([])
        fields[field.name] = values
        if field.required:
            needed.add(field.name)
    optional = {name: values for name, values in fields.items() if name not in needed}
    required = {name: values for name, values in fields.items() if name in needed}
    return st.fixed_dictionaries(required, optional=optional).map(lambda given: _made(kind, given))


def _made(kind: type[Operation], given: dict[str, Any]) -> Operation | None:
    try:
        return msgspec.convert(given, kind, strict=True)
    except (InvalidRequest, msgspec.ValidationError):
        return None


def _values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.Metadata(type=inner):
            return _values(inner)
        case inspect.UnionType(types=several):
            return st.one_of(*map(_values, several))
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType(ge=least, le=most):
            return _numbers(least if least is not None else -5, most)
        case inspect.FloatType(ge=least, le=most):
            low = -5.0 if least is None else least
            return st.sampled_from([low, min(low + 1.0, most or low + 1.0)])
        case inspect.StrType(pattern=str(pattern)):
            known = _IN_PATTERN.get(pattern)
            return st.sampled_from(known) if known else st.from_regex(pattern, fullmatch=True)
        case inspect.StrType(min_length=least, max_length=most):
            return _TEXTS.filter(lambda text: (least or 0) <= len(text) <= (most or 512))
        case inspect.BytesType():
            return st.sampled_from([b"", b"\x89PNG" + bytes(64)])
        case (
            inspect.ListType(item_type=item, min_length=least)
            | inspect.VarTupleType(item_type=item, min_length=least)
        ):
            return st.lists(_values(item), min_size=least or 0, max_size=SIZE)
        case inspect.DictType() | inspect.AnyType():
            return st.just({})
        case inspect.LiteralType(values=values):
            return st.sampled_from(values)
        case inspect.StructType(cls=cls) if cls is AttributeFilter:  # it has some within it
            return st.just({"type": "eq", "key": "year", "value": 2026})
        case inspect.StructType() as struct:
            return _structs(struct)
    raise NotImplementedError(kind)


def _structs(kind: inspect.StructType) -> st.SearchStrategy[dict[str, Any]]:
    given = {field.encode_name: _values(field.type) for field in kind.fields if field.required}
    rest = {field.encode_name: _values(field.type) for field in kind.fields if not field.required}
    tag = {} if kind.tag_field is None else {kind.tag_field: kind.tag}
    usual = st.fixed_dictionaries(given)  # many settings at once contradict each other
    found = usual | st.fixed_dictionaries(given, optional=rest)
    return found.map(lambda values: {**values, **tag})


def _numbers(least: float, most: float | None) -> st.SearchStrategy[int]:
    low = int(least)
    high = low + 1000 if most is None else int(most)
    return st.integers(low, min(high, low + 8)) | st.just(high)
