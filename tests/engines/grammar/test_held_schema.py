"""What a grammar holds of a schema; what it does not is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingle.engines.llama.grammar.answer_grammar import CallableTool, Thought, call_grammar
from ingle.engines.llama.grammar.compile_errors import grammar_error, schema_error
from ingle.engines.llama.grammar.held_schema import MAX_INTEGER, held_schema
from ingle.errors import InvalidRequest

NUMBER = {"type": "integer"}

HELD: list[dict[str, Any]] = [
    {"type": "string", "pattern": r"\d+"},
    {"type": "string", "pattern": r"^\p{L}+$"},
    {"type": "string", "pattern": "unanchored"},
    {"type": "string", "format": "date-time"},
    {"type": "string", "format": "uri"},
    {"type": "string", "format": "byte"},
    {"type": "string", "format": "uri", "pattern": "^https:"},
    {"type": "string", "format": "password"},  # of no standard: an annotation
    {"type": "integer", "format": "int32", "multipleOf": 5},
    {"type": "object", "minProperties": 1, "additionalProperties": NUMBER},
    {"type": "object", "propertyNames": {"type": "string"}},
    {"type": "object", "unevaluatedProperties": False, "properties": {"a": NUMBER}},
    {"type": "array", "items": NUMBER, "uniqueItems": False},
    {"oneOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}], "$defs": {
        kind: {"type": "object", "properties": {"kind": {"const": kind}}, "required": ["kind"]}
        for kind in ("a", "b")
    }},
    {"allOf": [{"type": "object", "properties": {"a": NUMBER}}, {"required": ["a"]}]},
    {"type": "null"},
    {"type": "object", "properties": {"me": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}},
    {"type": "string", "maxLength": 524_288},
    {"enum": [f"value {at}" for at in range(4000)]},
]  # fmt: skip


@pytest.mark.parametrize("schema", HELD, ids=lambda schema: json.dumps(schema)[:60])
def test_what_can_be_held_is_held(schema: dict[str, Any]) -> None:
    held = held_schema(schema)
    held.require("schema")
    assert schema_error(json.dumps(held.held)) == ""
    for keyword in ("pattern", "multipleOf", "minProperties"):
        assert held.held.get(keyword) == schema.get(keyword, held.held.get(keyword))


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"properties": {"a": {"not": NUMBER}}}, "not at /properties/a"),
        ({"items": {"uniqueItems": True}}, "uniqueItems at /items"),
        ({"contains": NUMBER}, "contains at /"),
        ({"propertyNames": {"pattern": "^a"}}, "propertyNames at /"),
        ({"dependentRequired": {"a": ["b"]}}, "dependentRequired at /"),
        ({"dependencies": {"a": ["b"]}}, "dependentRequired at /"),
        ({"anyOf": [{}], "unevaluatedProperties": False}, "unevaluatedProperties at /"),
        ({"if": NUMBER, "then": {}}, "if at /"),
        ({"oneOf": [NUMBER, {"type": "number"}]}, "oneOf at / .more than one"),
        ({"type": "string", "pattern": "^(?=a)b"}, "pattern at / .look-around"),
        ({"type": "string", "pattern": r"\bword\b"}, "pattern at / .lookaround"),
        ({"type": "string", "pattern": r"^(a)\1$"}, "pattern at / .backreference"),
        ({"type": "string", "format": "regex"}, "format at / .regex"),
        ({"type": "integer", "minimum": 2**63}, "minimum at /"),
        ({"type": "object", "properties": {"a": False}, "required": ["a"]}, "required property"),
        ({"$ref": "https://example.org/x"}, "leads nowhere"),
    ],
)
def test_what_cannot_be_held_is_refused_by_name(schema: dict[str, Any], named: str) -> None:
    held = held_schema(schema)
    with pytest.raises(InvalidRequest, match=named):
        held.require("schema")
    assert schema_error(json.dumps(held.held)) == "", "the rest is held all the same"


def test_repetitions_within_repetitions_are_refused() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(3):
        schema = {"type": "array", "items": schema, "minItems": 2000}
    with pytest.raises(InvalidRequest, match="multiply to 8,000,000,000"):
        held_schema(schema).require("schema")


def test_a_schema_over_the_limits_of_compiling_is_refused() -> None:
    names = [f"p{at}" for at in range(2500)]
    schema = {"type": "object", "properties": dict.fromkeys(names, NUMBER), "required": names}
    held = held_schema(schema)
    with pytest.raises(InvalidRequest, match="too big"):
        held.require("schema")
    assert held.held == {"type": "object"}


def test_one_bad_tool_does_not_unguard_the_others() -> None:
    schemas = {
        "bad": {"type": "object", "properties": {"a": {"type": "string", "pattern": "(?!x)"}}},
        "good": {"type": "object", "properties": {"n": {"type": "integer", "maximum": 9}}},
    }
    tools = [CallableTool(name, held_schema(schema).held) for name, schema in schemas.items()]
    grammar = call_grammar(tools, Thought.NONE, tagged=True)
    assert grammar_error(grammar) == ""
    assert '"maximum":9' in grammar
    assert "?!" not in grammar


def test_integers_and_objects_end() -> None:
    schema = {"type": "object", "properties": {"n": NUMBER, "m": {"type": "integer", "minimum": 3}}}
    held = held_schema(schema).held
    assert held["additionalProperties"] is False
    assert held["properties"]["n"] == {
        "type": "integer",
        "minimum": -MAX_INTEGER,
        "maximum": MAX_INTEGER,
    }
    assert held["properties"]["m"]["minimum"] == 3
    parts = [schema, {"type": "object", "properties": {"b": NUMBER}}]
    assert "additionalProperties" not in json.dumps(held_schema({"allOf": parts}).held)


def test_what_the_model_is_shown_keeps_its_words() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "description": "why", "format": "regex"}},
    }
    held = held_schema(schema)
    assert held.shown["properties"]["a"] == schema["properties"]["a"]  # type: ignore[index]
    assert held.held["properties"]["a"] == {"type": "string"}
