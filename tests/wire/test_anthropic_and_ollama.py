"""Anthropic and Ollama bodies to operations."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.node.operation import Load, Unload
from ingle.errors import InvalidRequest
from ingle.operations import ChatResult, Choice, ImagePart, Progress, Usage
from ingle.wire import duration
from ingle.wire.anthropic import message_answer, messages
from ingle.wire.ollama import generate, model_requests, ollama_chat

PICTURE = base64.b64encode(b"\x89PNG").decode()


def claude(**body: Any) -> Chat:
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **body}
    return messages.parse(json.dumps(asked).encode()).operation


def test_anthropic_turns() -> None:
    found = claude(
        system=[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "text", "text": "let me look"},
                    {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t", "content": "no", "is_error": True},
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": PICTURE},
                    },
                ],
            },
        ],
    ).messages
    assert [m.role for m in found] == ["system", "user", "assistant", "tool", "user"]
    assert found[0].content == "a\nb"
    assert found[2].reasoning == "hm"
    assert found[2].tool_calls[0].arguments == '{"a":1}'
    assert (found[3].tool_call_id, found[3].content) == ("t", "Error: no")
    assert found[4].content == [ImagePart(data=b"\x89PNG")]


def test_anthropic_choices_and_thinking() -> None:
    tools = [{"name": "f", "input_schema": {"type": "object"}}]
    for choice, meant in (("auto", "auto"), ("any", "required"), ("none", "none")):
        assert claude(tools=tools, tool_choice={"type": choice}).tool_choice == meant
    named = claude(
        tools=tools, tool_choice={"type": "tool", "name": "f", "disable_parallel_tool_use": True}
    )
    assert (named.tool_choice, named.parallel_tool_calls) == ("f", False)
    thinking = claude(thinking={"type": "enabled", "budget_tokens": 50})
    assert (thinking.think, thinking.think_budget) == (True, 50)
    assert claude(thinking={"type": "disabled"}).think is False
    shape = {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    assert claude(output_config=shape).schema == {"type": "object"}
    assert claude(stop_sequences=["x"], top_k=3).sampling.top_k == 3


def test_a_last_turn_of_the_assistant_is_gone_on_with() -> None:
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Well,"}]
    assert claude(messages=turns).continue_last is True
    assert claude().continue_last is False


def test_anthropic_refusals() -> None:
    with pytest.raises(InvalidRequest) as caught:
        claude(stop_sequences=["x"] * 17)
    assert caught.value.details["field"] == "stop_sequences"


@pytest.mark.parametrize(
    ("thinking", "effort", "think", "budget"),
    [
        ({"type": "adaptive"}, None, True, None),
        ({"type": "adaptive", "display": "summarized"}, "low", True, 1024),
        ({"type": "enabled", "budget_tokens": 50}, "low", True, 50),
        ({"type": "between_tools"}, "max", False, None),
        (None, "medium", None, 4096),
        (None, "max", None, None),
    ],
)
def test_anthropic_effort(
    thinking: object, effort: str | None, think: bool | None, budget: int | None
) -> None:
    found = claude(thinking=thinking, output_config={"effort": effort})
    assert (found.think, found.think_budget) == (think, budget)


def test_anthropic_stop_reasons() -> None:
    reason = message_answer.stop_reason
    assert reason("stop", "END", called=False) == {
        "stop_reason": "stop_sequence",
        "stop_sequence": "END",
    }
    assert reason("length", "", called=True)["stop_reason"] == "max_tokens"
    assert reason("stop", "", called=True)["stop_reason"] == "tool_use"
    result = ChatResult(
        model="m",
        choices=[Choice(text="", finish="stop")],
        usage=Usage(prompt_tokens=5, cached_tokens=3),
    )
    found = json.loads(message_answer.message(result, identifier="msg_1"))
    assert found["content"] == [{"type": "text", "text": ""}]
    assert found["usage"]["input_tokens"] == 2


def llama(**body: Any) -> ollama_chat.OllamaChatRequest:
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **body}
    return ollama_chat.parse(json.dumps(asked).encode())


def test_ollama_chat() -> None:
    request = llama(
        options={"num_ctx": 100, "num_predict": 5, "seed": 1, "stop": ["x"], "num_gpu": 9},
        format="json",
        think="low",
        keep_alive=-1,
        stream=False,
    )
    operation = request.operation
    assert isinstance(operation, Chat)
    assert (operation.context, operation.max_tokens, operation.stop) == (100, 5, ["x"])
    assert (operation.schema, operation.think_budget) == ({"type": "object"}, 1024)
    assert (operation.keep_alive, request.stream) == (-1, False)
    unlimited = llama(options={"num_predict": -1, "seed": -1}).operation
    assert isinstance(unlimited, Chat)
    assert (unlimited.max_tokens, unlimited.sampling.seed) == (None, None)


def test_ollama_presence() -> None:
    assert llama(messages=[]).operation == Load(model="m")
    assert llama(messages=[], keep_alive="0s").operation == Unload(model="m")
    assert llama(messages=None, keep_alive="2h").operation == Load(model="m", keep_alive=7200)


def test_ollama_tool_results_find_their_calls() -> None:
    called = [{"function": {"name": name, "arguments": {"a": 1}}} for name in ("f", "g")]
    operation = llama(
        messages=[
            {"role": "user", "content": "hi", "images": [PICTURE]},
            {"role": "assistant", "content": "", "tool_calls": called},
            {"role": "tool", "tool_name": "g", "content": "2"},
            {"role": "tool", "content": "1"},
        ]
    ).operation
    assert isinstance(operation, Chat)
    first, second = operation.messages[1].tool_calls
    assert first.arguments == '{"a":1}'
    assert [m.tool_call_id for m in operation.messages[2:]] == [second.id, first.id]


def test_ollama_generate() -> None:
    def asked(**body: Any) -> Any:
        return generate.parse(json.dumps({"model": "m", **body}).encode()).operation

    turns = asked(prompt="hi", system="Be brief.").messages
    assert [m.role for m in turns] == ["system", "user"]
    assert asked(prompt="hi", raw=True) == Complete(model="m", prompt="hi")
    assert asked(prompt="a", suffix="b").suffix == "b"
    assert isinstance(asked(prompt=""), Load)
    assert isinstance(asked(keep_alive=0), Unload)
    for body in (
        {"prompt": "x", "template": "{{ .Prompt }}"},
        {"prompt": "x", "context": [1]},
        {"prompt": "x", "format": "yaml"},
        {"prompt": "x", "think": "hard"},
        {"prompt": "x", "images": ["@"]},
        {"prompt": "x", "raw": True, "system": "s"},
    ):
        with pytest.raises(InvalidRequest):
            asked(**body)


def test_ollama_pull_lines() -> None:
    stream = model_requests.PullStream()
    step = Progress(stage="downloading", completed=5, total=9, digest="sha256:" + "cd" * 32)
    assert json.loads(stream.add(step)) == {
        "status": "pulling cdcdcdcdcdcd",
        "digest": "sha256:" + "cd" * 32,
        "total": 9,
        "completed": 5,
    }
    assert json.loads(stream.end()) == {"status": "success"}
    with pytest.raises(InvalidRequest, match="model"):
        model_requests.parse_pull(b"{}")
    assert model_requests.parse_pull(b'{"name":"a"}').operation.model == "a"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (None, None),
        (5, 5),
        ("5", 5),
        ("1h30m", 5400),
        ("1.5s", 1.5),
        ("250ms", 0.25),
        (-7, -1),
        ("-1m", -1),
        ("0", 0),
    ],
)
def test_durations(given: float | str | None, meant: float | None) -> None:
    assert duration.seconds(given) == meant


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_is_refused(text: str) -> None:
    with contextlib.suppress(InvalidRequest):
        found = duration.seconds(text)
        assert found is not None
        assert found >= -1


def test_a_duration_must_be_finite() -> None:
    for bad in ("soon", "", "5 m", "m5", "1e5s"):
        with pytest.raises(InvalidRequest):
            duration.seconds(bad)
    with pytest.raises(InvalidRequest):
        duration.seconds(float("inf"))
