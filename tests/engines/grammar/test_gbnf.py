"""Schemas in llama.cpp's own language of grammars."""

from __future__ import annotations

from typing import Any

import pytest

from ingle.engines.llama.grammar.answer_grammar import Thought
from ingle.engines.llama.grammar.gbnf import schema_gbnf
from ingle.errors import InvalidRequest


def answer(schema: dict[str, Any]) -> str:
    lines = schema_gbnf(schema).splitlines()
    return next(line for line in lines if line.startswith("answer ")).removeprefix("answer ::= ")


def test_blanks_stand_where_json_mostly_has_them_and_nowhere_else() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"const": "x y"}, "b": {"type": "null"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    written = r'"{" "\"a\": " "\"x y\"" (", " "\"b\": " "null")? "}"'
    assert answer(schema) == written.replace('"null"', '"null"')
    items = {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 3}
    assert answer(items) == '"[" ("true" | "false") (", " ("true" | "false")){0,2} "]"'


def test_none_of_the_optional_ones_must_be_there() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "null"}}}
    a, b = r'"\"a\": " "null"', r'"\"b\": " "null"'
    assert answer(schema | {"additionalProperties": False}) == (
        f'"{{" ({a} (", " {b})?  | {b} )? "}}"'
    )


def test_integers_are_held_to_their_bounds() -> None:
    assert answer({"type": "integer", "minimum": 2, "exclusiveMaximum": 4}) == '("2" | "3")'
    assert answer({"type": "integer", "minimum": 0}) == "(natural)"
    assert answer({"type": "integer", "exclusiveMinimum": 0}) == "[1-9] [0-9]{0,14}"
    for bounds in ({"minimum": 7}, {"minimum": 0, "maximum": 9999}, {"maximum": 0}):
        with pytest.raises(InvalidRequest, match="mum"):
            answer({"type": "integer", **bounds})


def test_a_definition_may_name_itself() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}, "required": ["next"]}
    text = schema_gbnf({"$ref": "#/$defs/n", "$defs": {"n": node}})
    assert "answer ::= defined-0" in text
    assert r'defined-0 ::= "{" "\"next\": " defined-0 "}"' in text


def test_reasoning_comes_first_where_the_template_has_it() -> None:
    assert "root ::= answer" in schema_gbnf({"type": "null"})
    offered = schema_gbnf({"type": "null"}, Thought.OFFERED)
    assert 'root ::= ("<think>" thought)? answer' in offered
    assert "root ::= thought answer" in schema_gbnf({"type": "null"}, Thought.OPENED)


@pytest.mark.parametrize(
    ("schema", "part"),
    [
        ({"type": "string", "pattern": "a"}, "/pattern"),
        ({"type": "object", "properties": {"a/b": {"not": {}}}}, "not"),
        ({"type": "object", "minProperties": 1}, "/minProperties"),
        ({"allOf": [{"type": "null"}]}, "/allOf"),
        ({"$ref": "#/elsewhere"}, "#/elsewhere"),
        ({"type": "number", "minimum": 1}, "/minimum"),
    ],
)
def test_what_it_cannot_hold_is_refused_by_name(schema: dict[str, Any], part: str) -> None:
    with pytest.raises(InvalidRequest, match=f"cannot hold .*{part}"):
        schema_gbnf(schema)
