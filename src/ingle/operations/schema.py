"""A guard for JSON Schemas: what no engine is given, whatever it makes of them.

A hostile or careless schema can cost an engine its life: a deeply nested
grammar overflows its stack, and bounds that contradict each other took 21 GB
(both measured). What an engine merely cannot hold is its own to say; see
`ingle.engines.llama.grammar`.
"""

from __future__ import annotations

from typing import Any

from ingle.errors import InvalidRequest
from ingle.operations.numbers import check_numbers
from ingle.operations.schema_bounds import SchemaBounds
from ingle.operations.subschemas import every_schema

MAX_DEPTH = 32
"""Schemas within schemas."""
MAX_NESTING = 128
"""Objects and lists within each other, data such as defaults included: templates print them."""
MAX_SCHEMAS = 4096
MAX_NAME = 4096
"""Characters of a property's name."""


def check_schema(schema: dict[str, Any], field: str = "schema") -> None:
    """Refuse a schema that is too deep or too large, or whose bounds contradict each other.

    Raises:
        InvalidRequest: names the field, the place in it and the limit.
    """
    _check_nesting(schema, field)
    bounds = SchemaBounds(schema)
    for count, (place, value, depth) in enumerate(every_schema(schema), start=1):
        if depth > MAX_DEPTH:
            raise _refused(field, f"it is nested deeper than {MAX_DEPTH}")
        if count > MAX_SCHEMAS:
            raise _refused(field, f"it has more than {MAX_SCHEMAS} parts")
        if isinstance(value, dict):
            if reason := bounds.contradiction(value, place):
                raise _refused(field, reason + _at(place))
            _check_names(value, place, field)
    check_numbers(schema, field)


def _check_nesting(schema: dict[str, Any], field: str) -> None:
    todo: list[tuple[Any, int]] = [(schema, 1)]  # no recursion: the schema may be the attack
    while todo:
        value, depth = todo.pop()
        if depth > MAX_NESTING:
            raise _refused(field, f"objects and lists in it are nested deeper than {MAX_NESTING}")
        inside = value.values() if isinstance(value, dict) else value
        if isinstance(value, dict | list):
            todo += [(child, depth + 1) for child in inside if isinstance(child, dict | list)]


def _check_names(value: dict[str, Any], place: str, field: str) -> None:
    properties = value.get("properties")
    if isinstance(properties, dict) and any(len(name) > MAX_NAME for name in properties):
        raise _refused(field, f"a name is longer than {MAX_NAME} characters{_at(place)}")


def _at(place: str) -> str:
    return f" at {place}" if place else ""


def _refused(field: str, reason: str) -> InvalidRequest:
    return InvalidRequest(f"{field}: the schema is refused: {reason}", field=field)
