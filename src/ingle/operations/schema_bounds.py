"""Bounds that contradict each other: nothing fits, and a grammar of them never ends.

What must hold of one value may stand in several schemas: those of ``allOf``, and those that a
``$ref`` leads to. Their bounds are compared together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

from ingle.operations.subschemas import followed, unescaped

MAX_TOGETHER = 64
"""Schemas that are compared together, and steps of a reference."""
_COUNTS = ("Items", "Length", "Properties", "Contains")
_LEAST = ("minimum", "exclusiveMinimum")
_MOST = ("maximum", "exclusiveMaximum")


class _Bound(NamedTuple):
    keyword: str
    value: int | float

    def __str__(self) -> str:
        return f"{self.keyword} ({self.value:g})"


class SchemaBounds:
    """Looks for contradictions in the schemas of one root."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root

    def contradiction(self, schema: dict[str, Any], place: str) -> str:
        """Why no value is within the bounds of a schema; empty if none contradicts another."""
        together = list(self._together(schema, place))
        return _of_counts(together) or _of_numbers(together)

    def _together(self, schema: dict[str, Any], place: str) -> Iterator[dict[str, Any]]:
        """The schemas that one value must fit, as far as they are compared."""
        todo: list[Any] = [schema]
        seen: set[int] = set()
        while todo and len(seen) < MAX_TOGETHER:
            found = todo.pop()
            if not isinstance(found, dict) or id(found) in seen:
                continue
            seen.add(id(found))
            yield found
            listed = found.get("allOf")
            if isinstance(listed, list):
                todo += listed[:MAX_TOGETHER]
            todo.append(self._target(found.get("$ref"), place))

    def _target(self, reference: Any, place: str) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        steps = [unescaped(unquote(step)) for step in reference.split("/", MAX_TOGETHER)[1:]]
        above = list(followed(self._root, list(map(unescaped, place.split("/")[1:]))))
        # References of what was taken out of a larger document are meant from the nearest schema
        # that has such a place.
        for base in (self._root, *reversed(above)):
            *_, found = followed(base, steps)
            if found is not None:
                return found
        return None


def _of_counts(together: list[dict[str, Any]]) -> str:
    for kind in _COUNTS:
        least = _bounds(together, (f"min{kind}",))
        most = _bounds(together, (f"max{kind}",))
        for bound in (*least, *most):
            if bound.value < 0:
                return f"{bound.keyword} is negative"
        if least and most:
            highest, lowest = max(least, key=_value), min(most, key=_value)
            if highest.value > lowest.value:
                return f"{highest} is greater than {lowest}"
    return ""


def _of_numbers(together: list[dict[str, Any]]) -> str:
    for least in _bounds(together, _LEAST):
        for most in _bounds(together, _MOST):
            exclusive = "exclusive" in least.keyword + most.keyword
            if least.value > most.value or (least.value == most.value and exclusive):
                return f"{least} and {most} leave no number"
    return ""


def _bounds(together: list[dict[str, Any]], keywords: tuple[str, ...]) -> list[_Bound]:
    return [
        _Bound(name, value)
        for schema in together
        for name in keywords
        if isinstance(value := schema.get(name), int | float) and not isinstance(value, bool)
    ]


def _value(bound: _Bound) -> int | float:
    return bound.value
