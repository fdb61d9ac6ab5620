"""What compiling the schemas of a request may take: counted before, and limited while it runs."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from ingle.capabilities.chat.operation import Chat
from ingle.engines.engine import LoadSpec
from ingle.engines.llama.grammar.compile_errors import compiling, schema_error
from ingle.engines.llama.grammar.compiler_process import CompilerProcess
from ingle.engines.llama.grammar.held_schema import held_schema
from ingle.engines.llama.grammar.native_schema import native_schemas
from ingle.engines.llama.grammar.schema_totals import HELD_TOTALS, SchemaTotals
from ingle.engines.process import WorkerProcess
from ingle.errors import Cancelled, InvalidRequest
from ingle.operations import Message

NUMBER = {"type": "integer"}


def endless(first: int) -> dict[str, Any]:
    """Two kilobytes for which LLGuidance takes gigabytes."""
    patterns = [f"^(a|b)*a(a|b){{{first + at}}}$" for at in range(30)]
    return {"allOf": [{"type": "string", "pattern": pattern} for pattern in patterns]}


def optional(count: int) -> dict[str, Any]:
    return {"type": "object", "properties": {f"p{at}": NUMBER for at in range(count)}}


def choices(count: int, lists: int) -> dict[str, Any]:
    either = [{"anyOf": [optional(1) for _ in range(count)]} for _ in range(lists)]
    return {"type": "object", "properties": {"a": {"allOf": either}}}


OVER: list[tuple[dict[str, Any], str]] = [
    (
        {"properties": {"a": {"enum": ["x" * 3996 + f"{at:04d}" for at in range(3900)]}}},
        "enum at /properties/a .more than 1,048,576 characters in all",
    ),
    (optional(1300), "properties at / .more than 1,000 optional properties in all"),
    (
        {"properties": {f"p{at}": {"enum": list(range(1000))} for at in range(30)}},
        "enum at /properties/p19 .more than 20,000 values and schemas in all",
    ),
    (choices(8, 20), "allOf at /properties/a .more than 1,024 combinations in all"),
    (
        {"items": {"patternProperties": {f"^a{{{at}}}b": NUMBER for at in range(200)}}},
        "patternProperties at /items .more than 64 pattern properties in all",
    ),
    (
        {"prefixItems": [{"type": "array", "items": NUMBER, "minItems": 1500}] * 200},
        "minItems at /prefixItems/133 .more than 200,000 counted items in all",
    ),
]


@pytest.mark.parametrize(("schema", "named"), OVER, ids=[named[:20] for _, named in OVER])
def test_what_adds_up_to_too_much_is_named(schema: dict[str, Any], named: str) -> None:
    held = held_schema({"type": "object", **schema})
    with pytest.raises(InvalidRequest, match=named):
        held.require("schema")
    assert held.held == {"type": "object"}
    assert held.checked["type"] == "object"


def test_what_is_within_the_totals_is_held() -> None:
    kind = {"type": "object", "required": ["k"]}
    kinds = [{**kind, "properties": {"k": {"const": f"k{at}"}}} for at in range(2000)]
    for schema in ({"oneOf": kinds}, optional(700), {"enum": ["x" * 250] * 4000}, choices(4, 3)):
        held_schema(schema).require("schema")


def test_schemas_add_up() -> None:
    totals = SchemaTotals(HELD_TOTALS)
    assert totals.add(optional(600)) is None
    assert str(totals.add(optional(600))).startswith("properties at /")
    assert totals.add(optional(400)) is None, "what was not taken is not counted"


def test_what_the_engines_own_grammars_cannot_count_is_left_out_of_all_or_told() -> None:
    text = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 2000}}}
    (few, _), none = native_schemas([text, text])
    assert (few["properties"]["a"]["maxLength"], none) == (2000, None)
    many, none = native_schemas([text] * 30)
    assert none is None
    assert all(schema["properties"]["a"] == {"type": "string"} for schema in many)
    assert str(native_schemas([optional(250)] * 2)[1]) == (
        "properties at / (more than 30,000,000 cubes of optional properties in all)"
    )


def test_a_grammar_that_takes_too_much_memory_is_given_up() -> None:
    assert "takes more than" in schema_error(json.dumps(endless(5)))
    assert schema_error(json.dumps(NUMBER)) == "", "the next one has a process again"


def test_a_caller_that_leaves_ends_the_compiler() -> None:
    def leave() -> None:
        raise Cancelled("the caller stopped it")

    with contextlib.closing(CompilerProcess()) as compiler:
        with pytest.raises(Cancelled):
            compiler.error(f"start: %json {json.dumps(endless(5))}", leave)
        assert compiler.error("start: /a/", _stay) == ""


def test_a_caller_that_leaves_ends_what_a_request_compiles() -> None:
    asked = 0

    def leave() -> None:
        nonlocal asked
        asked += 1
        raise Cancelled("the caller stopped it")

    with pytest.raises(Cancelled), compiling(leave):
        held_schema(endless(6))
    assert asked == 1


@pytest.mark.anyio
async def test_a_worker_lets_go_of_a_grammar_that_no_one_waits_for(ember_spec: LoadSpec) -> None:
    said = [Message(role="user", content="hello")]
    worker = await WorkerProcess.start(ember_spec)
    try:
        call = worker.call(Chat(model="ember", messages=said, schema=endless(5)))
        assert (await anext(call)).tag == "status"
        call.cancel()
        await call.ended
        simple = Chat(model="ember", messages=said, schema=NUMBER, max_tokens=4)
        async with worker.perform(simple) as events:
            assert [event async for event in events]
    finally:
        await worker.stop()


def _stay() -> None:
    pass
