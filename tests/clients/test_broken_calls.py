"""Conversations with calls that were cut in the middle, on the wire, before a real node."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.clients

CUT = '{"city": "Par'
NESTED = '{"a":' + "[" * 60
ASK = {"role": "user", "content": "The weather in Paris?"}
PATHS = ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/api/chat"]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}


def conversation(path: str, arguments: Any) -> dict[str, Any]:
    """A call that was cut, its result, and the next question, as each client sends them."""
    tool = {"name": "weather", "description": "The weather", "parameters": PARAMETERS}
    openai_tool = {"type": "function", "function": tool}
    found: dict[str, Any] = {"model": "ember"}
    match path:
        case "/v1/chat/completions":
            call = {"id": "c1", "type": "function"}
            call |= {"function": {"name": "weather", "arguments": arguments}}
            return found | {
                "messages": [
                    ASK,
                    {"role": "assistant", "content": None, "tool_calls": [call]},
                    {"role": "tool", "tool_call_id": "c1", "content": "invalid JSON"},
                    ASK,
                ],
                "tools": [openai_tool],
                "max_tokens": 4,
            }
        case "/v1/responses":
            call = {"type": "function_call", "call_id": "c1", "name": "weather"}
            output = {"type": "function_call_output", "call_id": "c1", "output": "invalid JSON"}
            return found | {
                "input": [ASK, {**call, "arguments": arguments}, output, ASK],
                "tools": [{"type": "function", **tool}],
                "max_output_tokens": 4,
            }
        case "/v1/messages":
            call = {"type": "tool_use", "id": "c1", "name": "weather", "input": arguments}
            outcome = {"type": "tool_result", "tool_use_id": "c1", "content": "invalid JSON"}
            tool = {"name": "weather", "input_schema": PARAMETERS}
            return found | {
                "messages": [
                    ASK,
                    {"role": "assistant", "content": [call]},
                    {"role": "user", "content": [outcome, {"type": "text", "text": "And now?"}]},
                ],
                "tools": [tool],
                "max_tokens": 4,
            }
        case _:
            call = {"function": {"name": "weather", "arguments": arguments}}
            return found | {
                "messages": [
                    ASK,
                    {"role": "assistant", "content": "", "tool_calls": [call]},
                    {"role": "tool", "tool_name": "weather", "content": "invalid JSON"},
                    ASK,
                ],
                "tools": [openai_tool],
                "stream": False,
                "options": {"num_predict": 4},
            }


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "arguments", [CUT, "", "[1]", "no JSON at all", NESTED, None, ["x"], {"city": "Paris"}, 7]
)
def test_a_broken_call_never_blocks_a_conversation(real: str, path: str, arguments: Any) -> None:
    response = httpx.post(f"{real}{path}", json=conversation(path, arguments), timeout=60)
    assert response.status_code == 200, response.text
    if path == "/v1/messages":
        asked = conversation(path, arguments)
        counted = httpx.post(f"{real}{path}/count_tokens", json=asked, timeout=60)
        assert counted.status_code == 200, counted.text


def test_a_call_that_the_length_cut_can_be_sent_back_as_it_came(real: str) -> None:
    for path in PATHS:
        asked = conversation(path, {})
        first = {key: value for key, value in asked.items() if key not in {"messages", "input"}}
        forced: Any = {"type": "any"} if path == "/v1/messages" else "required"
        if path == "/api/chat":
            continue  # this dialect cannot force a call
        turns = "input" if path == "/v1/responses" else "messages"
        first |= {turns: [ASK], "tool_choice": forced}
        first |= {"max_output_tokens" if turns == "input" else "max_tokens": 14}
        answer = httpx.post(f"{real}{path}", json=first, timeout=60).json()
        match path:
            case "/v1/chat/completions":
                said = [answer["choices"][0]["message"]]
            case "/v1/responses":
                said = answer["output"]
            case _:
                said = [{"role": "assistant", "content": answer["content"]}]
        again = {**asked, turns: [ASK, *said, ASK]}
        response = httpx.post(f"{real}{path}", json=again, timeout=60)
        assert response.status_code == 200, response.text
