"""Schemas and tools on the wire, before a real node: held, checked afterwards, or refused."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import jsonschema_rs
import pytest

pytestmark = pytest.mark.clients

PATHS = ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/api/chat"]
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Name of the city"}},
    "required": ["city"],
}
ANSWER = {
    "type": "object",
    "properties": {"place": {"enum": ["Paris", "Rome"]}, "n": {"type": "integer"}},
    "required": ["place", "n"],
    "additionalProperties": False,
}


def asked(
    path: str,
    said: str,
    *,
    parameters: Any = None,
    schema: Any = None,
    choice: str = "auto",
    strict: bool | None = None,
    most: int = 300,
) -> dict[str, Any]:
    """The request in each dialect."""
    found: dict[str, Any] = {"model": "ember"}
    turns = [{"role": "user", "content": said}]
    tool: dict[str, Any] = {"name": "get_weather", "description": "The weather in a city."}
    named = {"name": "get_weather"}
    strictly = {} if strict is None else {"strict": strict}
    match path:
        case "/v1/chat/completions":
            found |= {"messages": turns, "max_tokens": most, "temperature": 0}
            if parameters is not None:
                function = {**tool, "parameters": parameters, **strictly}
                found["tools"] = [{"type": "function", "function": function}]
                forced = {"type": "function", "function": named}
                found["tool_choice"] = forced if choice == "named" else choice
            if schema is not None:
                form = {"name": "answer", "schema": schema}
                found["response_format"] = {"type": "json_schema", "json_schema": form}
        case "/v1/responses":
            found |= {"input": said, "max_output_tokens": most, "temperature": 0}
            if parameters is not None:
                function = {"type": "function", **tool, "parameters": parameters, **strictly}
                found["tools"] = [function]
                forced = {"type": "function", **named}
                found["tool_choice"] = forced if choice == "named" else choice
            if schema is not None:
                form = {"type": "json_schema", "name": "answer", "schema": schema}
                found["text"] = {"format": form}
        case "/v1/messages":
            found |= {"messages": turns, "max_tokens": most, "temperature": 0}
            if parameters is not None:
                found["tools"] = [{**tool, "input_schema": parameters, **strictly}]
                kinds = {"auto": "auto", "required": "any", "named": "tool"}
                forced = {"type": kinds[choice]}
                found["tool_choice"] = forced | (named if choice == "named" else {})
            if schema is not None:
                found["output_format"] = {"type": "json_schema", "schema": schema}
        case _:
            options = {"num_predict": most, "temperature": 0}
            found |= {"messages": turns, "stream": False, "options": options}
            if parameters is not None:
                function = {**tool, "parameters": parameters}
                found["tools"] = [{"type": "function", "function": function}]
            if schema is not None:
                found["format"] = schema
    return found


def post(real: str, path: str, body: dict[str, Any]) -> Any:
    response = httpx.post(f"{real}{path}", json=body, timeout=60)
    assert response.status_code == 200, response.text
    return response.json()


def refusal(real: str, path: str, body: dict[str, Any]) -> str:
    response = httpx.post(f"{real}{path}", json=body, timeout=60)
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    return str(error if isinstance(error, str) else error["message"])


def calls_of(path: str, answer: Any) -> list[tuple[str, Any]]:
    match path:
        case "/v1/chat/completions":
            calls = answer["choices"][0]["message"].get("tool_calls") or []
            return [
                (call["function"]["name"], json.loads(call["function"]["arguments"]))
                for call in calls
            ]
        case "/v1/responses":
            items = [item for item in answer["output"] if item["type"] == "function_call"]
            return [(item["name"], json.loads(item["arguments"])) for item in items]
        case "/v1/messages":
            blocks = [block for block in answer["content"] if block["type"] == "tool_use"]
            return [(block["name"], block["input"]) for block in blocks]
        case _:
            calls = answer["message"].get("tool_calls") or []
            return [(call["function"]["name"], call["function"]["arguments"]) for call in calls]


def text_of(path: str, answer: Any) -> str:
    match path:
        case "/v1/chat/completions":
            return str(answer["choices"][0]["message"]["content"])
        case "/v1/responses":
            messages = [item for item in answer["output"] if item["type"] == "message"]
            return str(messages[0]["content"][0]["text"])
        case "/v1/messages":
            return str(next(b["text"] for b in answer["content"] if b["type"] == "text"))
        case _:
            return str(answer["message"]["content"])


@pytest.mark.parametrize("path", PATHS)
def test_a_call_or_the_schema(real: str, path: str) -> None:
    question = "What is the weather in Paris?"
    body = asked(path, question, parameters=WEATHER, schema=ANSWER)
    assert calls_of(path, post(real, path, body)) == [("get_weather", {"city": "Paris"})]
    without = asked(path, question, schema=ANSWER)
    value = json.loads(text_of(path, post(real, path, without)))
    assert list(value) == ["place", "n"]


@pytest.mark.parametrize("path", [path for path in PATHS if path != "/v1/responses"])
def test_a_call_or_the_schema_while_streaming(real: str, path: str) -> None:
    body = asked(path, "What is the weather in Paris?", parameters=WEATHER, schema=ANSWER)
    with httpx.stream("POST", f"{real}{path}", json=body | {"stream": True}, timeout=60) as found:
        text = found.read().decode()
    assert "get_weather" in text
    assert "<tool_call>" not in text


NULL = {"type": "null"}
ODD: dict[str, dict[str, Any]] = {
    "a reference within": {
        "properties": {"p": {"$ref": "#/$defs/place"}},
        "$defs": {
            "place": {"properties": {"city": {"$ref": "#/$defs/name"}}},
            "name": {"type": "string", "maxLength": 9},
        },
        "required": ["p"],
    },
    "a format": {"properties": {"u": {"type": "string", "format": "regex"}}, "required": ["u"]},
    "bytes": {"properties": {"u": {"type": "string", "format": "byte", "maxLength": 8}}},
    "look-ahead": {"properties": {"u": {"type": "string", "pattern": "^(?!a)b{3}$"}}},
    "a word's end": {"properties": {"u": {"type": "string", "pattern": r"\bx{2}\b"}}},
    "unique items": {
        "properties": {"u": {"type": "array", "items": NULL, "uniqueItems": True, "maxItems": 3}}
    },
    "not": {"properties": {"u": {"type": "boolean", "not": {"const": True}}}},
    "overlap": {"properties": {"u": {"oneOf": [{"type": "boolean"}, {"const": True}]}}},
    "contains": {"properties": {"u": {"type": "array", "contains": {"const": 1}, "maxItems": 2}}},
    "names": {"propertyNames": {"pattern": "^[a-c]$"}, "additionalProperties": NULL},
    "dependent": {"properties": {"a": NULL}, "dependentRequired": {"a": ["b"]}},
    "unevaluated": {"properties": {"a": NULL}, "unevaluatedProperties": False},
    "all of": {"allOf": [{"properties": {"a": NULL}}, {"required": ["a"]}]},
    "if": {"properties": {"a": NULL}, "if": {"required": ["a"]}, "then": {"type": "object"}},
    "null": {"properties": {"a": NULL, "b": {"type": None}}, "required": ["a"]},
    "true and false": {"properties": {"a": True, "b": False, "c": NULL}, "required": ["c"]},
    "any": {"properties": {"a": {"type": "any"}, "c": NULL}, "required": ["c"]},
    "large bounds": {
        "properties": {
            "a": {"type": "string", "maxLength": 524288},
            "b": {"type": "array", "maxItems": 100000},
        }
    },
    "a dangling default": {"properties": {"a": {"type": "null", "default": {"$ref": "#/no"}}}},
    "a dangling reference": {"properties": {"a": {"$ref": "#/$defs/no"}, "c": NULL}},
    "a long description": {"description": "long " * 400, "properties": {"a": NULL}},
    "no schema": {},
    "itself": {"properties": {"next": {"anyOf": [{"$ref": "#"}, NULL]}}, "required": ["next"]},
}


@pytest.mark.parametrize("choice", ["required", "named"])
@pytest.mark.parametrize("odd", ODD)
def test_a_forced_call_is_a_call_whatever_its_schema(real: str, odd: str, choice: str) -> None:
    path = "/v1/chat/completions"
    body = asked(path, "The weather in Paris?", parameters=ODD[odd], choice=choice, most=120)
    answer = post(real, path, body)
    choice_object = answer["choices"][0]
    assert choice_object["message"]["tool_calls"], choice_object
    assert not choice_object["message"]["content"]
    if choice_object["finish_reason"] != "length":
        ((name, arguments),) = calls_of(path, answer)
        assert name == "get_weather"
        assert isinstance(arguments, dict)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("odd", ODD)
def test_a_loose_tool_with_any_schema_never_refuses_a_request(
    real: str, odd: str, path: str
) -> None:
    post(real, path, asked(path, "The weather in Paris?", parameters=ODD[odd], most=8))


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/messages"])
def test_the_other_dialects_tell_it_too(real: str, path: str) -> None:
    pattern = {"type": "string", "pattern": "^(?=x)xylophone$"}
    parameters = {"type": "object", "properties": {"city": pattern}, "required": ["city"]}
    body = asked(path, "The weather in Paris?", parameters=parameters, choice="required")
    assert len(post(real, path, body)["ingle"]["notes"]) == 2
    with httpx.stream("POST", f"{real}{path}", json=body | {"stream": True}, timeout=60) as found:
        assert "/city does not fit" in found.read().decode()


def test_what_is_not_held_of_a_call_is_checked_and_told(real: str) -> None:
    path = "/v1/chat/completions"
    pattern = {"type": "string", "pattern": "^(?=x)xylophone$"}
    parameters = {"type": "object", "properties": {"city": pattern}, "required": ["city"]}
    body = asked(path, "The weather in Paris?", parameters=parameters, choice="required")
    notes = post(real, path, body)["ingle"]["notes"]
    assert len(notes) == 2
    assert all(note.startswith("tools[get_weather].parameters: ") for note in notes)
    assert "checked afterwards" in notes[0]
    assert "pattern at /properties/city" in notes[0]
    assert "/city does not fit" in notes[1]
    with httpx.stream("POST", f"{real}{path}", json=body | {"stream": True}, timeout=60) as found:
        lines = [line for line in found.iter_lines() if '"finish_reason":"tool_calls"' in line]
    assert json.loads(lines[0].removeprefix("data: "))["ingle"]["notes"] == notes


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
def test_a_strict_tool_that_cannot_be_held_is_refused_by_name(real: str, path: str) -> None:
    parameters = {"type": "object", "properties": {"n": {"type": "array", "uniqueItems": True}}}
    for choice in ("auto", "required"):
        body = asked(path, "Hi", parameters=parameters, strict=True, choice=choice)
        said = refusal(real, path, body)
        assert "uniqueItems at /properties/n" in said
        assert "get_weather" in said


def test_a_strict_tool_is_held_where_the_engines_own_grammar_would_not(real: str) -> None:
    path = "/v1/chat/completions"
    city = {"type": "string", "pattern": r"^\p{Lu}\d{3}$"}
    parameters = {"type": "object", "properties": {"city": city}, "required": ["city"]}
    body = asked(path, "What is the weather in Paris?", parameters=parameters, strict=True)
    answer = post(real, path, body)
    ((_name, arguments),) = calls_of(path, answer)
    assert jsonschema_rs.is_valid(parameters, arguments)
    assert "notes" not in answer["ingle"]
    told = asked(path, "What does grep -i do?", parameters=parameters, strict=True)
    assert post(real, path, told)["choices"][0]["message"]["content"]


HELD: list[dict[str, Any]] = [
    {"type": "string", "pattern": r"^\d{3}$"},
    {"type": "string", "pattern": r"^\p{Lu}{2}$"},
    {"type": "string", "pattern": "x[0-9]y", "maxLength": 12},
    {"type": "integer", "multipleOf": 7, "minimum": 1, "maximum": 99},
    {"type": "object", "additionalProperties": {"type": "null"}, "minProperties": 2,
     "maxProperties": 3},
    {"type": "string", "format": "ipv4"},
    {"type": "string", "format": "date"},
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("part", HELD, ids=json.dumps)
def test_an_answer_by_schema_is_valid(real: str, path: str, part: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"a": part}, "required": ["a"]}
    answer = post(real, path, asked(path, "An example?", schema=schema))
    value = json.loads(text_of(path, answer))
    assert jsonschema_rs.validator_for(schema, validate_formats=True).is_valid(value), value


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"type": "array", "uniqueItems": True}, "uniqueItems at /properties/a"),
        ({"contains": {"type": "null"}}, "contains at /properties/a"),
        ({"type": "string", "format": "regex"}, "format at /properties/a"),
        ({"type": "string", "pattern": "(?=b)"}, "pattern at /properties/a"),
        ({"$ref": "#/$defs/none"}, "/properties/a"),
        ({"minLength": 5, "maxLength": 2}, "minLength (5) is greater than maxLength (2)"),
        ({"minimum": 5, "maximum": 2}, "leave no number at /properties/a"),
    ],
)
def test_an_answer_that_cannot_be_held_is_refused_by_name(
    real: str, path: str, part: dict[str, Any], named: str
) -> None:
    schema = {"type": "object", "properties": {"a": part}, "required": ["a"]}
    assert named in refusal(real, path, asked(path, "An example?", schema=schema))


@pytest.mark.parametrize("path", PATHS)
def test_nested_repetitions_are_refused_at_once(real: str, path: str) -> None:
    schema: dict[str, Any] = {"type": "string", "minLength": 2000}
    for _ in range(3):
        schema = {"type": "array", "items": schema, "minItems": 2000, "maxItems": 2000}
    schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    assert "multiply to 8,000,000,000" in refusal(real, path, asked(path, "Hi", schema=schema))


def _optional(count: int) -> dict[str, Any]:
    return {"type": "object", "properties": {f"p{at}": NULL for at in range(count)}}


LARGE: dict[str, tuple[dict[str, Any], str]] = {
    "values": (
        {"properties": {"a": {"enum": ["x" * 3996 + f"{at:04d}" for at in range(3900)]}}},
        "enum at /properties/a",
    ),
    "properties": (_optional(1300), "properties at /"),
    "combinations": (
        {"allOf": [{"anyOf": [_optional(1)] * 8}] * 20},
        "allOf at /",
    ),
    "patterns": (
        {"allOf": [{"type": "string", "pattern": f"^(a|b)*a(a|b){{{at}}}$"} for at in range(30)]},
        "compiling it takes more than",
    ),
}


@pytest.mark.parametrize("large", LARGE)
@pytest.mark.parametrize("path", PATHS)
def test_a_schema_that_costs_too_much_is_refused_by_name(real: str, path: str, large: str) -> None:
    schema, named = LARGE[large]
    assert named in refusal(real, path, asked(path, "Hi", schema=schema))


def test_many_tools_with_long_counts_are_served_and_checked_afterwards(real: str) -> None:
    path = "/v1/chat/completions"
    parameters = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"type": "string"}, "maxItems": 2000}},
    }
    for choice in ("auto", "required"):
        body = asked(path, "Hi", parameters=parameters, choice=choice, most=4)
        tool = body["tools"][0]["function"]
        body["tools"] = [
            {"type": "function", "function": {**tool, "name": f"t{at}"}} for at in range(16)
        ]
        post(real, path, body)


def test_a_strict_tool_is_refused_for_its_size_and_any_tool_for_its_bounds(real: str) -> None:
    path = "/v1/chat/completions"
    body = asked(path, "Hi", parameters=_optional(1300), strict=True)
    assert "properties at /" in refusal(real, path, body)
    schema = {"allOf": [{"type": "string", "minLength": 9}, {"$ref": "#/$defs/short"}],
              "$defs": {"short": {"maxLength": 3}}}  # fmt: skip
    said = refusal(real, path, asked(path, "Hi", parameters={"properties": {"a": schema}}))
    assert "minLength (9) is greater than maxLength (3) at /properties/a" in said


def test_a_json_object_with_a_schema_is_held_to_it(real: str) -> None:
    path = "/v1/chat/completions"
    body = asked(path, "An example?")
    body["response_format"] = {"type": "json_object", "schema": ANSWER}
    assert list(json.loads(text_of(path, post(real, path, body)))) == ["place", "n"]


def test_logprobs_beside_tools_are_left_out_and_told(real: str) -> None:
    path = "/v1/chat/completions"
    body = asked(path, "What does grep -i do?", parameters=WEATHER, most=5) | {"logprobs": True}
    answer = post(real, path, body)
    assert answer["choices"][0]["logprobs"] is None
    assert answer["ingle"]["notes"] == ["logprobs: none are told where tools are offered"]


def test_a_custom_tool_with_a_regular_expression_is_held_to_it(real: str) -> None:
    form = {"type": "grammar", "grammar": {"syntax": "regex", "definition": r"\d{2}-[ab]"}}
    tool = {"type": "custom", "custom": {"name": "dial", "description": "Dial", "format": form}}
    body = asked("/v1/chat/completions", "Dial a number.") | {"tools": [tool]}
    body["tool_choice"] = {"type": "custom", "custom": {"name": "dial"}}
    answer = post(real, "/v1/chat/completions", body)
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert re.fullmatch(r"\d{2}-[ab]", call["custom"]["input"])
    assert "notes" not in answer["ingle"]


OPENED = """{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{%- endfor %}{%- if add_generation_prompt %}<|im_start|>assistant
<think>
{% endif %}"""


def test_a_template_that_opens_the_thought_itself(real: str) -> None:
    made = {"model": "thinker", "from": "ember", "template": OPENED, "stream": False}
    post(real, "/api/create", made)
    path = "/v1/chat/completions"
    body = asked(path, "What is the weather in Paris?", schema=ANSWER) | {"model": "thinker"}
    message = post(real, path, body)["choices"][0]["message"]
    assert list(json.loads(message["content"])) == ["place", "n"]
    assert message["reasoning_content"]
    assert "</think>" not in message["reasoning_content"]
