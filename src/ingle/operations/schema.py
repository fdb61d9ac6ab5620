"""A guard for JSON Schemas, before an engine turns them into a grammar.

A hostile or careless schema can cost an engine its life: a deeply nested
grammar overflows its stack (measured), a long repetition explodes in size. So:
bounded depth, size, patterns and repetitions; references only within itself.
"""

from __future__ import annotations

from typing import Any

from ingle.errors import InvalidRequest
from ingle.operations.numbers import check_numbers

MAX_DEPTH = 32
MAX_NODES = 4096
MAX_TEXT = 4096
"""Characters of one string (a description, an enum's value, a name)."""
MAX_PATTERN = 256
MAX_GROUPS = 8
"""Nested groups in a pattern."""
MAX_REPEAT = 2048
_REPEATS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")


def check_schema(schema: dict[str, Any], field: str = "schema") -> None:
    """Refuse a schema that is too deep, too large, or leads outside of itself.

    Raises:
        InvalidRequest: names the field and the limit.
    """
    nodes = 0
    todo: list[tuple[Any, int]] = [(schema, 1)]  # no recursion: the schema may be the attack
    while todo:
        value, depth = todo.pop()
        nodes += 1
        if depth > MAX_DEPTH:
            raise _refused(field, f"it is nested deeper than {MAX_DEPTH}")
        if nodes > MAX_NODES:
            raise _refused(field, f"it has more than {MAX_NODES} parts")
        if isinstance(value, dict):
            _check_object(value, field)
            todo += [(child, depth + 1) for child in value.values()]
        elif isinstance(value, list):
            todo += [(child, depth + 1) for child in value]
        elif isinstance(value, str) and len(value) > MAX_TEXT:
            raise _refused(field, f"a text in it is longer than {MAX_TEXT} characters")
    check_numbers(schema, field)


def _check_object(value: dict[str, Any], field: str) -> None:
    for name in value:
        if not isinstance(name, str) or len(name) > MAX_TEXT:
            raise _refused(field, "a name in it is not a string, or too long")
    pattern = value.get("pattern")
    if isinstance(pattern, str):
        if len(pattern) > MAX_PATTERN:
            raise _refused(field, f"a pattern is longer than {MAX_PATTERN} characters")
        if _group_depth(pattern) > MAX_GROUPS:
            raise _refused(field, f"a pattern nests groups deeper than {MAX_GROUPS}")
    for name in _REPEATS:
        count = value.get(name)
        if isinstance(count, (int, float)) and not 0 <= count <= MAX_REPEAT:
            raise _refused(field, f"{name} is not between 0 and {MAX_REPEAT}")
    reference = value.get("$ref")
    if isinstance(reference, str) and not reference.startswith("#"):
        raise _refused(field, f"$ref leads outside of it: {reference[:80]!r}")


def _group_depth(pattern: str) -> int:
    depth = deepest = 0
    escaped = False
    for mark in pattern:
        if escaped:
            escaped = False
        elif mark == "\\":
            escaped = True
        elif mark in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in ")]}":
            depth -= 1
    return deepest


def _refused(field: str, reason: str) -> InvalidRequest:
    return InvalidRequest(f"{field}: the schema is refused: {reason}", field=field)
