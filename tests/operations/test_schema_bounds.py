"""Bounds that contradict each other are refused by name, wherever they stand together."""

from __future__ import annotations

from typing import Any

import pytest

from ingle.errors import InvalidRequest
from ingle.operations.schema import check_schema

COUNTED = ("Items", "Length", "Properties", "Contains")
NUMBERS = [
    ("minimum", "maximum", 5, 2),
    ("exclusiveMinimum", "maximum", 2, 2),
    ("minimum", "exclusiveMaximum", 2, 2),
    ("exclusiveMinimum", "exclusiveMaximum", 3, 2),
]
PAIRS = [*((f"min{kind}", f"max{kind}", 5, 2) for kind in COUNTED), *NUMBERS]


def together(low: dict[str, Any], high: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The ways in which two bounds come to hold of one value."""
    return {
        "one schema": {**low, **high},
        "beside allOf": {**low, "allOf": [high]},
        "within allOf": {"allOf": [{"allOf": [low]}, high]},
        "beside a reference": {**low, "$ref": "#/$defs/high", "$defs": {"high": high}},
        "two references": {
            "allOf": [{"$ref": "#/$defs/a~1b"}, {"$ref": "#/definitions/high"}],
            "$defs": {"a/b": low},
            "definitions": {"high": {"$ref": "#/definitions/next"}, "next": high},
        },
    }


@pytest.mark.parametrize("way", together({}, {}))
@pytest.mark.parametrize(("low", "high", "least", "most"), PAIRS)
def test_a_contradiction_is_refused(low: str, high: str, least: int, most: int, way: str) -> None:
    schema = together({low: least}, {high: most})[way]
    with pytest.raises(InvalidRequest) as refused:
        check_schema({"properties": {"a": {"items": schema}}, **_definitions(schema)})
    assert low in refused.value.message
    assert high in refused.value.message
    assert "/properties/a/items" in refused.value.message
    fitting = together({low: most - 1}, {high: least})[way]
    check_schema({"properties": {"a": {"items": fitting}}, **_definitions(fitting)})


def test_a_schema_that_refers_to_itself_is_read_to_its_end() -> None:
    check_schema({"minItems": 1, "maxItems": 2, "$ref": "#", "allOf": [{"$ref": "#"}]})
    check_schema({"allOf": [{"$ref": f"#/allOf/{(at + 1) % 500}"} for at in range(500)]})


def _definitions(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: schema.pop(name) for name in ("$defs", "definitions") if name in schema}
