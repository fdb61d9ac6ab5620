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
from ingle.operations.subschemas import every_schema

MAX_DEPTH = 32
"""Schemas within schemas."""
MAX_NESTING = 128
"""Objects and lists within each other, data such as defaults included: templates print them."""
MAX_SCHEMAS = 4096
MAX_NAME = 4096
"""Characters of a property's name."""
_COUNTS = ("Items", "Length", "Properties", "Contains")


def check_schema(schema: dict[str, Any], field: str = "schema") -> None:
    """Refuse a schema that is too deep or too large, or whose bounds contradict each other.

    Raises:
        InvalidRequest: names the field, the place in it and the limit.
    """
    _check_nesting(schema, field)
    for count, (place, value, depth) in enumerate(every_schema(schema), start=1):
        if depth > MAX_DEPTH:
            raise _refused(field, f"it is nested deeper than {MAX_DEPTH}")
        if count > MAX_SCHEMAS:
            raise _refused(field, f"it has more than {MAX_SCHEMAS} parts")
        if isinstance(value, dict):
            _check_bounds(value, place, field)
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


def _check_bounds(value: dict[str, Any], place: str, field: str) -> None:
    for kind in _COUNTS:
        least, most = _number(value, f"min{kind}"), _number(value, f"max{kind}")
        for name, count in ((f"min{kind}", least), (f"max{kind}", most)):
            if count is not None and count < 0:
                raise _refused(field, f"{name} is negative{_at(place)}")
        if least is not None and most is not None and least > most:
            raise _refused(
                field, f"min{kind} ({least:g}) is greater than max{kind} ({most:g}){_at(place)}"
            )
    for low in ("minimum", "exclusiveMinimum"):
        for high in ("maximum", "exclusiveMaximum"):
            least, most = _number(value, low), _number(value, high)
            if least is None or most is None:
                continue
            if least > most or (least == most and "exclusive" in low + high):
                raise _refused(
                    field, f"{low} ({least:g}) and {high} ({most:g}) leave no number{_at(place)}"
                )


def _check_names(value: dict[str, Any], place: str, field: str) -> None:
    properties = value.get("properties")
    if isinstance(properties, dict) and any(len(name) > MAX_NAME for name in properties):
        raise _refused(field, f"a name is longer than {MAX_NAME} characters{_at(place)}")


def _number(value: dict[str, Any], name: str) -> int | float | None:
    found = value.get(name)
    if isinstance(found, int | float) and not isinstance(found, bool):
        return found
    return None


def _at(place: str) -> str:
    return f" at {place}" if place else ""


def _refused(field: str, reason: str) -> InvalidRequest:
    return InvalidRequest(f"{field}: the schema is refused: {reason}", field=field)
