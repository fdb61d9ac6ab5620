"""What llama.cpp's own grammars are made of, where a call is written in the template's own form.

Each family of models writes calls differently, and llama.cpp knows their forms: where a call is
free to come or not, it is left to read and hold them. It fails on some shapes that schemas may
have, and passes over keywords that it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ingle.engines.llama.grammar.held_schema import replace_children, without_counts
from ingle.engines.llama.grammar.normal_schema import Dropped
from ingle.engines.llama.grammar.schema_totals import NATIVE_REPEAT, NATIVE_TOTALS, SchemaTotals
from ingle.operations.subschemas import ANNOTATIONS, every_schema

_HELD = {
    *("type", "properties", "required", "additionalProperties", "items", "prefixItems", "enum"),
    *("const", "anyOf", "$ref", "$defs", "minItems", "maxItems", "minLength", "maxLength"),
    "format",
}
_BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
_FORMATS = {"date", "time", "date-time", "uuid"}


def native_schema(shown: dict[str, Any]) -> dict[str, Any]:
    """A normal schema without the shapes that llama.cpp refuses."""
    found = dict(shown)
    for keyword in ("properties", "patternProperties"):
        if isinstance(found.get(keyword), dict):
            found[keyword] = {name: _open(child) for name, child in found[keyword].items()}
    for keyword in ("prefixItems", "anyOf", "oneOf", "allOf"):
        if isinstance(found.get(keyword), list):
            found[keyword] = [_open(child) for child in found[keyword]]
    for name in ("minItems", "maxItems"):
        if _is_over(found.get(name)):
            del found[name]
    if found.get("items") is False:
        del found["items"]
    replace_children(found, lambda _, child: native_schema(child))
    return found


def native_schemas(shown: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], Dropped | None]:
    """The schemas of one request as llama.cpp takes them, and what is too much for it.

    What is counted in them is left out of all if it adds up to more than it can hold.
    """
    for found in (
        [native_schema(schema) for schema in shown],
        [_uncounted(native_schema(schema)) for schema in shown],
    ):
        totals = SchemaTotals(NATIVE_TOTALS)
        over = next((part for part in map(totals.add, found) if part is not None), None)
        if over is None:
            break
    return found, over


def _uncounted(schema: dict[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in schema.items() if name not in _BOUNDS}
    replace_children(found, lambda _, child: _uncounted(child))
    return without_counts(found)


def not_held_natively(shown: dict[str, Any]) -> Iterator[Dropped]:
    """The parts that llama.cpp would pass over."""
    for place, value, _ in every_schema(shown):
        if value is False and not place.endswith("/additionalProperties"):
            yield Dropped(place, "", "false as a schema")
        if not isinstance(value, dict):
            continue
        for keyword in value.keys() - _HELD - ANNOTATIONS:
            if keyword not in _BOUNDS or value.get("type") != "integer":
                yield Dropped(place, keyword)
        if any(_is_over(value.get(name)) for name in ("minItems", "maxItems")):
            yield Dropped(place, "maxItems", f"more than {NATIVE_REPEAT} are not counted")
        if "format" in value and value["format"] not in _FORMATS:
            yield Dropped(place, "format")
        if ("$ref" in value or "anyOf" in value) and value.keys() & {"properties", "items", "type"}:
            yield Dropped(place, "$ref" if "$ref" in value else "anyOf", "beside other keywords")


def _is_over(count: Any) -> bool:
    return isinstance(count, int | float) and count > NATIVE_REPEAT


def _open(child: Any) -> Any:
    return {} if child is False else child
