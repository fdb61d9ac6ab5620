"""Attributes of documents, and filters of them as SQL.

The filters are OpenAI's comparison and compound filters (API reference, "Search vector store"). A
number is never compared with a text: such a comparison does not hold, whatever its kind.
"""

from __future__ import annotations

from typing import Any

from ingle.capabilities.collections.operation import AttributeFilter, AttributeValue
from ingle.errors import InvalidRequest

MOST_COMPARISONS = 64
DEEPEST = 8
LONGEST_KEY = 64

_SYMBOLS = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def compiled(wanted: AttributeFilter) -> tuple[str, dict[str, Any]]:
    """A condition on the column ``attribute.data``, and the values of its named parameters.

    Raises:
        InvalidRequest: a key that cannot be one, values that do not fit the kind of comparison, or
            a filter that is too large.
    """
    values = dict[str, Any]()
    sql = _condition(wanted, values, 0)
    return sql, values


def check_key(key: str, field: str) -> None:
    """Raises InvalidRequest: no attribute can have this key."""
    if not 0 < len(key) <= LONGEST_KEY or '"' in key or "\\" in key or not key.isprintable():
        raise InvalidRequest(
            f"{field}: a key has 1 to {LONGEST_KEY} characters, without quotes and backslashes",
            field=field,
        )


def _condition(wanted: AttributeFilter, values: dict[str, Any], depth: int) -> str:
    if depth > DEEPEST or len(values) > 2 * MOST_COMPARISONS:
        raise InvalidRequest(
            f"filters: more than {MOST_COMPARISONS} comparisons, or {DEEPEST} levels",
            field="filters",
        )
    if wanted.type in ("and", "or"):
        inner = [_condition(each, values, depth + 1) for each in wanted.filters]
        if not inner:
            raise InvalidRequest(f"filters: {wanted.type!r} needs filters", field="filters")
        return "(" + f" {wanted.type.upper()} ".join(inner) + ")"
    check_key(wanted.key, "filters.key")
    path = _named(values, f'$."{wanted.key}"')
    listed = isinstance(wanted.value, list)
    if listed != (wanted.type in ("in", "nin")):
        raise InvalidRequest(
            f"filters: {wanted.type!r} needs {'one value' if listed else 'a list of values'}",
            field="filters.value",
        )
    if isinstance(wanted.value, list):
        equal = " OR ".join(_compared("eq", path, each, values) for each in wanted.value)
        return f"NOT ({equal or 0})" if wanted.type == "nin" else f"({equal or 0})"
    if wanted.type == "ne":
        return f"NOT {_compared('eq', path, wanted.value, values)}"
    return _compared(wanted.type, path, wanted.value, values)


def _compared(kind: str, path: str, value: AttributeValue, values: dict[str, Any]) -> str:
    """A condition that is true or false, also where there is no such attribute."""
    found = f"json_extract(attribute.data, {path})"
    if isinstance(value, bool):
        if kind != "eq":
            raise InvalidRequest("filters: true and false are not ordered", field="filters.value")
        word = "true" if value else "false"
        return f"coalesce(json_type(attribute.data, {path}) = '{word}', 0)"
    types = "'text'" if isinstance(value, str) else "'integer', 'real'"
    # Of JSON: there true is of its own type, which for SQL is an integer.
    typed = f"json_type(attribute.data, {path}) IN ({types})"
    compared = f"{typed} AND {found} {_SYMBOLS[kind]} {_named(values, value)}"
    return f"coalesce({compared}, 0)"


def _named(values: dict[str, Any], value: Any) -> str:
    name = f"value{len(values)}"
    values[name] = value
    return f":{name}"
