from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.embed.operation import Embed
from ingle.capabilities.tokenize.operation import Tokenize
from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.operations import ImagePart, Message, Sampling, Tool
from ingle.operations.reading import from_json, read

USER = Message(role="user", content="hi")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"model": "", "messages": [USER]}, "model"),
        ({"model": "m", "messages": []}, "messages"),
        ({"model": "m", "messages": "hi"}, "messages"),
        ({"model": "m", "messages": [USER], "max_tokens": 0}, "max_tokens"),
        ({"model": "m", "messages": [USER], "max_tokens": -5}, "max_tokens"),
        ({"model": "m", "messages": [USER], "max_tokens": 2**40}, "max_tokens"),
        ({"model": "m", "messages": [USER], "n": 0}, "n"),
        ({"model": "m", "messages": [USER], "n": 1000}, "n"),
        ({"model": "m", "messages": [USER], "context": -1}, "context"),
        ({"model": "m", "messages": [USER], "stop": ["x"] * 17}, "stop"),
        ({"model": "m", "messages": [USER], "tool_choice": "nope"}, "tool_choice"),
        ({"model": "m", "messages": [USER], "tool_choice": "required"}, "tools"),
        ({"model": "m", "messages": [USER], "continue_last": True}, "messages"),
        ({"model": "m", "messages": [USER], "think_budget": -1}, "think_budget"),
    ],
)
def test_a_bad_chat_names_its_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Chat(**fields)
    assert caught.value.details["field"] == field
    assert field in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"min_p": -1.0}, "min_p"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "seed"),
        ({"presence_penalty": 3.0}, "presence_penalty"),
        ({"logit_bias": {-1: 1.0}}, "logit_bias"),
        ({"logit_bias": {1: 1000.0}}, "logit_bias"),
    ],
)
def test_bad_sampling_names_its_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Sampling(**fields)
    assert str(caught.value.details["field"]).startswith(field)


def test_other_requests_check_themselves() -> None:
    with pytest.raises(InvalidRequest, match="inputs"):
        Embed(model="m", inputs=[])
    with pytest.raises(InvalidRequest, match=r"inputs\[1\]"):
        Embed(model="m", inputs=["a", ""])
    with pytest.raises(InvalidRequest, match="token ids"):
        Complete(model="m", prompt=[1, -2])
    with pytest.raises(InvalidRequest, match="echo_only"):
        Complete(model="m", prompt="x", echo_only=True)
    with pytest.raises(InvalidRequest, match="not both"):
        Tokenize(model="m", text="a", messages=[USER])
    with pytest.raises(InvalidRequest, match="image"):
        ImagePart()
    with pytest.raises(InvalidRequest, match="name"):
        Tool(name="has space")


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (nested(100_000), "nested deeper"),
        (nested(40), "nested deeper than 32"),
        ({"default": [[[]]] * 3, "examples": nested(200)}, "nested deeper than 128"),
        ({"anyOf": [{"type": "string"}] * 5000}, "more than 4096 parts"),
        ({"type": "array", "maxItems": -1}, "maxItems is negative"),
        ({"items": {"minLength": 9, "maxLength": 3}}, r"minLength \(9\) is .* at /items"),
        ({"minItems": 5, "maxItems": 3}, "minItems"),
        ({"minProperties": 5, "maxProperties": 3}, "minProperties"),
        ({"properties": {"a/b": {"minimum": 5, "maximum": 3}}}, r"at /properties/a~1b"),
        ({"minimum": 3, "exclusiveMaximum": 3}, "leave no number"),
    ],
)
def test_a_schema_that_could_hurt_the_engine_is_refused(
    schema: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        Chat(model="m", messages=[USER], schema=schema)
    with pytest.raises(InvalidRequest, match=rf"tools\[t\]\.parameters.*{reason}"):
        Tool(name="t", parameters=schema)


def test_what_is_not_a_schema_is_not_looked_at() -> None:
    data = {"minLength": 9, "maxLength": 3, "$ref": "#/nowhere", "pattern": "(" * 100}
    schema = {
        "type": "object",
        "properties": {"minimum": {"type": "string"}, "maximum": {"type": "string"}},
        "default": data,
        "examples": [data],
        "enum": [data],
        "description": "x" * 100_000,
    }
    assert Tool(name="t", parameters=schema).parameters == schema


def test_an_ordinary_schema_passes() -> None:
    schema = {
        "type": "object",
        "properties": {"date": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}},
        "required": ["date"],
        "$defs": {"x": {"$ref": "#/$defs/y"}, "y": {"maxItems": 10}},
    }
    assert Chat(model="m", messages=[USER], schema=schema).schema == schema


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"op":"chat","model":"m","messages":[{"role":"boss"}]}', "messages[0].role"),
        ('{"op":"chat","model":"m","messages":[{"role":"user"}],"sampling":{"top_p":7}}', "top_p"),
        ("[]", "op"),
    ],
)
def test_json_requests_name_the_path_of_the_field(text: str, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        from_json(text)
    assert field in str(caught.value.details["field"])


def test_an_unknown_operation_is_told_with_what_would_help() -> None:
    for ask in (lambda: from_json('{"op":"nope"}'), lambda: read(b"\x81\xa2op\xa4nope")):
        with pytest.raises(CapabilityMissing, match="nope") as caught:
            ask()
        assert "upgrade" in caught.value.hint


def test_what_is_not_json_is_refused() -> None:
    for data in (b"", b"{", b"\xff\xfe", b'{"op": "chat", "model": "\xc3\x28"}'):
        with pytest.raises(InvalidRequest):
            from_json(data)


@pytest.mark.parametrize("number", [10**30, -(2**63) - 1, float("inf"), float("nan")])
def test_numbers_that_no_wire_carries_are_refused_by_name(number: float) -> None:
    said = [Message(role="user", content="x")]
    for fields, field in (
        ({"schema": {"a": [{"maximum": number}]}}, r"schema\.a\[0\]\.maximum"),
        ({"template_options": {"a": number}}, r"template_options\.a"),
    ):
        with pytest.raises(InvalidRequest, match=field):
            Chat(model="m", messages=said, **fields)


@given(
    text=st.text(st.characters(codec="utf-8"), max_size=50),
    temperature=st.none() | st.floats(0, 100),
    n=st.integers(1, 128),
)
def test_requests_survive_every_wire(text: str, temperature: float | None, n: int) -> None:
    chat = Chat(
        model="m",
        messages=[Message(role="user", content=text)],
        sampling=Sampling(temperature=temperature),
        n=n,
    )
    assert read(msgspec.msgpack.encode(chat)).operation == chat
    assert from_json(msgspec.json.encode(chat)) == chat
    assert json.loads(msgspec.json.encode(chat))["op"] == "chat"
