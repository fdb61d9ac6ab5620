"""Schemas of all drafts and dialects in one form."""

from __future__ import annotations

from typing import Any

import pytest

from ingle.engines.llama.grammar.normal_schema import normalized

NAMED_LIKE_KEYWORDS = {"properties": {"$ref": {"type": "string"}, "type": {"type": "null"}}}
DATA = {"default": {"$ref": "#/nowhere"}, "examples": [{"type": 5}]}


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"enum": ["a"], "nullable": True}, {"enum": ["a", None]}),
        ({"type": "any"}, {}),
        ({"type": "STRING"}, {"type": "string"}),
        ({"properties": {"a": True, "b": False}}, {"properties": {"a": {}, "b": False}}),
        ({"items": [{}], "additionalItems": False}, {"prefixItems": [{}], "items": False}),
        ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        ({"minimum": 1, "exclusiveMinimum": False}, {"minimum": 1}),
        ({"dependencies": {"a": ["b"]}}, {"dependentRequired": {"a": ["b"]}}),
        (NAMED_LIKE_KEYWORDS, NAMED_LIKE_KEYWORDS),
        (DATA, DATA),
    ],
)
def test_one_spelling(given: dict[str, Any], normal: dict[str, Any]) -> None:
    found = normalized(given)
    assert found.schema == normal
    assert found.dropped == ()


def test_references_lead_beside_the_root() -> None:
    number = {"type": "integer"}
    nested = {
        "properties": {
            "old": {"$ref": "#/definitions/n"},
            "deep": {"properties": {"x": {"$ref": "#/$defs/m"}}, "$defs": {"m": number}},
            "named": {"$ref": "#here"},
            "place": {"$ref": "#/properties/list/items"},
            "list": {"items": {"type": "null"}},
            "self": {"$ref": "#"},
        },
        "definitions": {"n": {"anyOf": [{"$ref": "#/definitions/n"}, number]}},
        "$defs": {"anchor": {"$anchor": "here", "type": "string"}},
    }
    found = normalized(nested)
    assert found.dropped == ()
    properties, moved = found.schema["properties"], found.schema["$defs"]
    assert properties["old"] == {"$ref": "#/$defs/n"}
    assert moved["n"] == {"anyOf": [{"$ref": "#/$defs/n"}, number]}
    assert properties["deep"] == {"properties": {"x": {"$ref": "#/$defs/m"}}}
    assert moved["m"] == number
    assert moved[properties["named"]["$ref"].removeprefix("#/$defs/")] == {"type": "string"}
    assert moved["items"] == {"type": "null"}
    assert moved["root"]["properties"]["self"] == {"$ref": "#/$defs/root"}
    assert nested["definitions"] == {"n": {"anyOf": [{"$ref": "#/definitions/n"}, number]}}


def test_a_chain_of_references_is_followed_to_its_end() -> None:
    links = {f"s{at}": {"$ref": f"#/$defs/s{at + 1}"} for at in range(3000)}
    found = normalized({"$ref": "#/$defs/s0", "$defs": {**links, "s3000": {"type": "null"}}})
    assert found.schema["$defs"]["s3000"] == {"type": "null"}


@pytest.mark.parametrize(
    ("given", "place", "keyword"),
    [
        ({"items": {"$ref": "https://example.org/x"}}, "/items", "$ref"),
        ({"anyOf": [{"$ref": "#/$defs/none"}]}, "/anyOf/0", "$ref"),
        ({"type": "dict"}, "", "type"),
        ({"enum": []}, "", "enum"),
        ({"pattern": "(" * 20 + ")" * 20}, "", "pattern"),
        ({"pattern": "a" * 300}, "", "pattern"),
        ({"minItems": 5000}, "", "minItems"),
        ({"properties": {"a": {"maxLength": 524288}}}, "/properties/a", "maxLength"),
    ],
)
def test_what_no_grammar_should_carry_is_told(
    given: dict[str, Any], place: str, keyword: str
) -> None:
    (dropped,) = normalized(given).dropped
    assert (dropped.place, dropped.keyword) == (place, keyword)
    assert dropped.bound is (keyword == "maxLength")
    if keyword not in {"$ref", "type"}:
        assert normalized(given, whole=True).schema == given
