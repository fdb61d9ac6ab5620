"""The order in which a call may name a tool's parameters."""

from __future__ import annotations

from ingle.operations.parameters import arranged, required_first

INNER = {
    "type": "object",
    "properties": {"note": {"type": "string"}, "street": {"type": "string"}},
    "required": ["street"],
}
SCHEMA = {
    "type": "object",
    "properties": {
        "limit": {"type": "integer"},
        "query": {"type": "string"},
        "places": {"type": "array", "items": INNER},
        "kind": {"type": "string"},
    },
    "required": ["kind", "query"],
}


def test_what_is_required_comes_first_and_else_nothing_moves() -> None:
    ordered = required_first(SCHEMA)
    assert ordered == SCHEMA
    assert list(ordered["properties"]) == ["query", "kind", "limit", "places"]
    assert list(ordered["properties"]["places"]["items"]["properties"]) == ["street", "note"]
    assert list(SCHEMA["properties"]) == ["limit", "query", "places", "kind"]


def test_a_parameter_may_be_called_like_a_word_of_schemas() -> None:
    schema = {
        "type": "object",
        "properties": {"required": {"type": "boolean"}, "properties": {"type": "string"}},
        "required": ["properties"],
    }
    ordered = required_first(schema)
    assert ordered == schema
    assert list(ordered["properties"]) == ["properties", "required"]


def test_schemas_that_say_less_stay_as_they_are() -> None:
    for schema in ({}, {"type": "object"}, {"properties": {"a": True}}, {"required": ["a"]}):
        assert required_first(schema) == schema


def test_arguments_follow_and_what_nobody_knows_comes_last() -> None:
    arguments = {
        "own": 1,
        "places": [{"note": "n", "street": "s"}, 3],
        "limit": 2,
        "query": "q",
    }
    found = arranged(arguments, required_first(SCHEMA))
    assert found == arguments
    assert list(found) == ["query", "limit", "places", "own"]
    assert list(found["places"][0]) == ["street", "note"]
    assert arranged(arguments, None) is arguments
