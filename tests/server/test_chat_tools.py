"""Tools of the chat route that are not functions, and requests for no tokens."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingle.capabilities.chat.operation import Chat

from .running import Running

CODE = 'print("é\\n")\n'
CUSTOM = {
    "type": "custom",
    "custom": {
        "name": "run",
        "description": "Runs Python.",
        "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /.+/"}},
    },
}
FUNCTION = {"type": "function", "function": {"name": "weather"}}


def body(said: str, **more: Any) -> dict[str, Any]:
    return {"model": "ember", "messages": [{"role": "user", "content": said}], **more}


def performed(server: Running) -> Chat:
    operation = server.node.performed[-1]
    assert isinstance(operation, Chat)
    return operation


def test_a_custom_tool_is_called_with_its_bare_input(server: Running) -> None:
    said = f"call run {json.dumps({'input': CODE})}"
    answer = server.post("/v1/chat/completions", body(said, tools=[CUSTOM, FUNCTION])).json()
    (offered, _) = performed(server).tools
    assert offered.name == "run"
    assert "start: /.+/" in offered.description
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert call == {"id": "call_0", "type": "custom", "custom": {"name": "run", "input": CODE}}
    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    assert answer["ingle"]["notes"] == [
        "tools[0]: the grammar of run is described to the model but not enforced"
    ]
    streamed = server.post("/v1/chat/completions", body(said, tools=[CUSTOM], stream=True))
    lines = [line[6:] for line in streamed.text.splitlines() if line.startswith("data: {")]
    deltas = [json.loads(line)["choices"][0]["delta"] for line in lines]
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert (calls[0]["id"], calls[0]["type"]) == ("call_0", "custom")
    assert calls[0]["custom"]["name"] == "run"
    assert "".join(call["custom"]["input"] for call in calls) == CODE
    assert {call["index"] for call in calls} == {0}


def test_a_regular_expression_is_held(server: Running) -> None:
    grammar = {"syntax": "regex", "definition": "[a-z]+"}
    custom = {"name": "run", "format": {"type": "grammar", "grammar": grammar}}
    asked = body("hi", tools=[{"type": "custom", "custom": custom}])
    answer = server.post("/v1/chat/completions", asked).json()
    (offered,) = performed(server).tools
    assert offered.parameters["properties"]["input"]["pattern"] == "^(?:[a-z]+)$"
    assert "notes" not in answer["ingle"]


def test_a_custom_call_of_earlier_is_sent_back(server: Running) -> None:
    call = {"id": "c", "type": "custom", "custom": {"name": "run", "input": CODE}}
    turns = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "ok"},
    ]
    answer = server.post("/v1/chat/completions", {"model": "ember", "messages": turns})
    assert answer.status_code == 200, answer.text
    (found,) = performed(server).messages[1].tool_calls
    assert (found.id, found.name, json.loads(found.arguments)) == ("c", "run", {"input": CODE})


def test_choices_name_custom_tools(server: Running) -> None:
    named = {"type": "custom", "custom": {"name": "run"}}
    tools = [CUSTOM, FUNCTION]
    asked = body("hi", tools=tools, tool_choice=named)
    assert server.post("/v1/chat/completions", asked).status_code == 200
    assert performed(server).tool_choice == "run"
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named]}}
    asked = body("hi", tools=tools, tool_choice=allowed)
    assert server.post("/v1/chat/completions", asked).status_code == 200
    assert [tool.name for tool in performed(server).tools] == ["run"]


def test_what_others_host_is_left_out_with_a_note(server: Running) -> None:
    tools = [FUNCTION, {"type": "web_search"}]
    asked = body("hi", tools=tools, web_search_options={"search_context_size": "low"})
    answer = server.post("/v1/chat/completions", asked).json()
    assert [tool.name for tool in performed(server).tools] == ["weather"]
    assert answer["ingle"]["notes"] == [
        "tools[1]: web_search is a hosted tool, which is not available here; it was left out",
        "web_search_options: web_search is a hosted tool, which is not available here; "
        "it was left out",
    ]


@pytest.mark.parametrize(
    ("tool", "field"),
    [
        ({"type": "function"}, "tools[0].function"),
        ({"type": "custom"}, "tools[0].custom"),
        ({"type": "function", "function": {"name": "a b"}}, "tools[0].function.name"),
    ],
)
def test_a_tool_without_what_it_needs(server: Running, tool: dict[str, Any], field: str) -> None:
    answer = server.post("/v1/chat/completions", body("hi", tools=[tool]))
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == field


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_no_tokens_read_the_prompt_only(server: Running, name: str) -> None:
    answer = server.post("/v1/chat/completions", body("hi", **{name: 0}, n=2)).json()
    assert performed(server).max_tokens == 1
    for choice in answer["choices"]:
        assert (choice["message"]["content"], choice["finish_reason"]) == ("", "length")
    assert len(answer["choices"]) == 2
    assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (12, 0)
    streamed = server.post("/v1/chat/completions", body("hi", **{name: 0}, stream=True)).text
    assert '"finish_reason":"length"' in streamed
    assert "Hello" not in streamed
