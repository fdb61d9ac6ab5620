"""What the schemas of one request add up to, counted before any of them is compiled.

A count tells of most schemas that would cost a compiler seconds or gigabytes, and names the keyword
and its place, which the compiler's own limits do not.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ingle.engines.llama.grammar.normal_schema import Dropped
from ingle.operations.subschemas import every_schema

HELD_TOTALS = {
    "characters": 2**20,
    "values and schemas": 20_000,
    "optional properties": 1_000,
    "pattern properties": 64,
    "counted items": 200_000,
    "combinations": 1_024,
}
"""What LLGuidance compiles in about a second. The figures were measured (docs/log/2026-11.md)."""
NATIVE_TOTALS = {
    "characters": 2**19,
    "cubes of optional properties": 30_000_000,
    "repetitions": 50_000,
}
"""What llama.cpp's own grammars take half a second for: it has no limit of its own, and no one can
stop it. Its work grows with the third power of an object's optional properties."""
BOUNDED_INTEGER = 200
"""An integer between bounds is as large as so many repetitions."""
NATIVE_REPEAT = 500
"""Repetitions of one part; it refuses larger ones, depending on the part."""

Counted = Iterator[tuple[str, str, int]]
"""What is counted, the keyword that brings it, and how many."""


class SchemaTotals:
    """Adds schemas up as long as they stay within the totals."""

    def __init__(self, most: dict[str, int]) -> None:
        self._most = most
        self._spent: Counter[str] = Counter()

    def add(self, schema: dict[str, Any]) -> Dropped | None:
        """Count one more; it is not counted if it goes over a total, and the part that does is
        told."""
        spent = self._spent.copy()
        for place, value, _ in every_schema(schema):
            for kind, keyword, count in _counted(value):
                if kind not in self._most:
                    continue
                spent[kind] += count
                if spent[kind] > self._most[kind]:
                    reason = f"more than {self._most[kind]:,} {kind} in all"
                    return Dropped(place, keyword, reason)
        self._spent = spent
        return None


def _counted(value: Any) -> Counted:
    yield "values and schemas", "", 1
    if not isinstance(value, dict):
        return
    yield from _of_values(value)
    yield from _of_properties(value)
    yield from _of_repetitions(value)
    if "allOf" in value:
        yield "combinations", "allOf", math.prod(map(_choices, value["allOf"]))


def _choices(part: Any) -> int:
    """Ways in which one schema can be met."""
    if not isinstance(part, dict):
        return 1
    return max(1, len(part.get("anyOf", ())), len(part.get("oneOf", ())))


def _of_values(value: dict[str, Any]) -> Counted:
    values = value.get("enum", ())
    if values:
        yield "values and schemas", "enum", len(values)
        yield "characters", "enum", sum(map(_length, values))
    for keyword in ("const", "pattern"):
        if keyword in value:
            yield "characters", keyword, _length(value[keyword])


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(repr(value))


def _of_properties(value: dict[str, Any]) -> Counted:
    properties = value.get("properties")
    if isinstance(properties, dict):
        optional = len(properties.keys() - set(_names(value.get("required"))))
        yield "characters", "properties", sum(map(len, properties))
        yield "optional properties", "properties", optional
        yield "cubes of optional properties", "properties", optional**3
    named = value.get("patternProperties")
    if isinstance(named, dict):
        yield "characters", "patternProperties", sum(map(len, named))
        yield "pattern properties", "patternProperties", len(named)


def _names(required: Any) -> list[str]:
    return (
        [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    )


def _of_repetitions(value: dict[str, Any]) -> Counted:
    for keyword in ("minItems", "maxItems", "minLength", "maxLength"):
        count = value.get(keyword)
        if isinstance(count, int | float):
            if keyword.endswith("Items"):
                yield "counted items", keyword, int(count)
            yield "repetitions", keyword, int(count)
    if "integer" in str(value.get("type")) and ("minimum" in value or "maximum" in value):
        keyword = "minimum" if "minimum" in value else "maximum"
        yield "repetitions", keyword, BOUNDED_INTEGER
