"""A schema as a grammar in llama.cpp's own language, for servers without LLGuidance.

llama.cpp would make one of the schema itself, which lets blanks come between the parts of an
answer and passes over keywords that it does not know. This one has one blank where JSON mostly has
one, and refuses what it cannot hold.

Source: ``grammars/README.md`` of llama.cpp; RFC 8259 for JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ingle.engines.llama.grammar.answer_grammar import Thought
from ingle.engines.llama.grammar.native_schema import native_schemas
from ingle.errors import InvalidRequest
from ingle.operations.subschemas import ANNOTATIONS

_HINT = "leave it out, or use the built-in engine: ingle engine use llama"
_RULES = {
    "value": 'object | array | string | number | "true" | "false" | "null"',
    "object": '"{" (string ": " value (", " string ": " value)*)? "}"',
    "array": '"[" (value (", " value)*)? "]"',
    "string": r'"\"" char* "\""',
    "char": r'[^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4})',
    "integer": '"-"? ("0" | [1-9] [0-9]{0,14})',
    "number": 'integer ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,3})?',
    "natural": '"0" | [1-9] [0-9]{0,14}',
    "thought": '([^<] | "<" [^/])* "</think>" "\\n"? "\\n"?',
}
"""What grammars are made of; those that are used are written."""
_KNOWN = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "prefixItems", "minItems", "maxItems"},
    "string": {"minLength", "maxLength"},
    "integer": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "number": set[str](),
    "boolean": set[str](),
    "null": set[str](),
}
MOST_INTEGERS = 256
"""Integers between two bounds are listed, up to so many of them."""


def schema_gbnf(schema: dict[str, Any], thought: Thought = Thought.NONE) -> str:
    """The answer is JSON of this schema.

    Args:
        schema: in the form that models are shown.

    Raises:
        InvalidRequest: a part cannot be held; names the keyword and its place.
    """
    (taken,), too_much = native_schemas([schema])
    if too_much is not None:
        raise _refused(str(too_much))
    return _Writer(taken.get("$defs", {})).grammar(taken, thought)


class _Writer:
    def __init__(self, definitions: dict[str, Any]) -> None:
        self._definitions = definitions
        self._named: dict[str, str] = {}
        """Rules of definitions, by their names; empty while they are written."""
        self._numbers = {name: f"defined-{at}" for at, name in enumerate(definitions)}

    def grammar(self, schema: dict[str, Any], thought: Thought) -> str:
        answer = self._schema(schema, "")
        before = {
            Thought.NONE: "",
            Thought.OFFERED: '("<think>" thought)? ',
            Thought.OPENED: "thought ",
        }[thought]
        rules = [f"root ::= {before}answer", f"answer ::= {answer}"]
        rules += [f"{self._numbers[name]} ::= {text}" for name, text in self._named.items()]
        rules += [f"{name} ::= {text}" for name, text in _RULES.items()]
        return "\n".join(rules) + "\n"

    def _schema(self, schema: Any, place: str) -> str:
        if schema is True or schema == {}:
            return "value"
        if not isinstance(schema, dict):
            raise _refused(f"{place or '/'}: false as a schema")
        kinds = schema.keys() - ANNOTATIONS - {"$defs"}
        for keyword in ("const", "enum", "$ref", "anyOf", "oneOf"):
            if keyword in kinds:
                rest = (
                    kinds - {keyword, "type"} if keyword in ("const", "enum") else kinds - {keyword}
                )
                self._refuse(rest, place)
                return self._combined(keyword, schema[keyword], f"{place}/{keyword}")
        types = schema.get("type", [])
        types = [types] if isinstance(types, str) else types
        if not types and not kinds:
            return "value"
        self._refuse(
            kinds - {"type"} - set().union(*(_KNOWN.get(kind, ()) for kind in types)), place
        )
        return _either(self._typed(kind, schema, place) for kind in types)

    def _refuse(self, keywords: Iterable[str], place: str) -> None:
        for keyword in sorted(keywords):
            raise _refused(f"{place}/{keyword}")

    def _combined(self, keyword: str, value: Any, place: str) -> str:
        match keyword:
            case "const":
                return _literal(value)
            case "enum":
                return _either(map(_literal, value))
            case "$ref":
                return self._reference(str(value))
        return _either(self._schema(part, f"{place}/{at}") for at, part in enumerate(value))

    def _reference(self, target: str) -> str:
        name = target.removeprefix("#/$defs/")
        if name not in self._definitions:
            raise _refused(f"$ref {target!r}")
        if name not in self._named:
            self._named[name] = ""  # it may name itself
            self._named[name] = self._schema(self._definitions[name], target)
        return self._numbers[name]

    def _typed(self, kind: str, schema: dict[str, Any], place: str) -> str:
        match kind:
            case "object":
                return self._object(schema, place)
            case "array":
                return self._array(schema, place)
            case "string":
                least, most = schema.get("minLength", 0), schema.get("maxLength", "")
                return rf'"\"" char{{{least},{most}}} "\""'
            case "integer":
                return _integer(schema, place)
            case "boolean":
                return '("true" | "false")'
            case "null":
                return '"null"'
        return "number"

    def _object(self, schema: dict[str, Any], place: str) -> str:
        properties: dict[str, Any] = schema.get("properties", {})
        required = [name for name in properties if name in schema.get("required", ())]
        optional = [name for name in properties if name not in required]
        more = schema.get("additionalProperties", not properties)
        pairs = {
            name: f"{_literal(name, ': ')} {self._schema(part, f'{place}/properties/{name}')}"
            for name, part in properties.items()
        }
        extra = ""
        if more is not False:
            extra = f'string ": " {self._schema(more, f"{place}/additionalProperties")}'
        if not pairs:
            inner = f'({extra} (", " {extra})*)?' if extra else ""
        elif required:
            inner = ' ", " '.join(pairs[name] for name in required)
            inner += "".join(f' (", " {pairs[name]})?' for name in optional)
            inner += f' (", " {extra})*' if extra else ""
        else:
            inner = _optional([pairs[name] for name in optional], extra)
        return f'"{{" {inner} "}}"'

    def _array(self, schema: dict[str, Any], place: str) -> str:
        first = [
            self._schema(part, f"{place}/prefixItems/{at}")
            for at, part in enumerate(schema.get("prefixItems", ()))
        ]
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        items = schema.get("items", True)
        rest = "" if items is False else self._schema(items, f"{place}/items")
        if first:
            inner = ' ", " '.join(first)
            bounds = f"{{{max(0, least - len(first))},{'' if most is None else most - len(first)}}}"
            return f'"[" {inner} (", " {rest}){bounds} "]"' if rest else f'"[" {inner} "]"'
        if not rest or most == 0:
            return '"[]"'
        bounds = f"{{{max(0, least - 1)},{'' if most is None else most - 1}}}"
        inner = f'{rest} (", " {rest}){bounds}'
        return f'"[" {inner} "]"' if least else f'"[" ({inner})? "]"'


def _optional(pairs: list[str], extra: str) -> str:
    """Any of some pairs in their order, none of which must be there."""
    more = f'(", " {extra})*' if extra else ""
    starts = [
        " ".join([pair, *(f'(", " {later})?' for later in pairs[at + 1 :]), more])
        for at, pair in enumerate(pairs)
    ]
    if extra:
        starts.append(f"{extra} {more}")
    return f"({' | '.join(starts)})?"


def _integer(schema: dict[str, Any], place: str) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        least = max(
            schema["exclusiveMinimum"] + 1,
            schema["exclusiveMinimum"] + 1 if least is None else least,
        )
    if "exclusiveMaximum" in schema:
        most = min(
            schema["exclusiveMaximum"] - 1, schema["exclusiveMaximum"] - 1 if most is None else most
        )
    if least is None and most is None:
        return "integer"
    if most is None and least == 0:
        return "(natural)"
    if most is None and least == 1:
        return "[1-9] [0-9]{0,14}"
    if least is None or most is None or not 0 <= most - least < MOST_INTEGERS:
        raise _refused(f"{place}/{'minimum' if least is not None else 'maximum'}")
    return _either(_literal(value) for value in range(int(least), int(most) + 1))


def _either(parts: Iterable[str]) -> str:
    found = list(parts)
    return found[0] if len(found) == 1 else f"({' | '.join(found)})"


def _literal(value: Any, after: str = "") -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(", ", ": ")) + after
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _refused(what: str) -> InvalidRequest:
    return InvalidRequest(
        f"schema: this llama-server was built without LLGuidance, and llama.cpp's own grammar "
        f"cannot hold {what}",
        hint=_HINT,
        field="schema",
    )
