"""OpenAI bodies to operations, and whole answers back."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ingle.errors import CapabilityMissing, InvalidRequest, UnsafeURL
from ingle.operations import (
    AdapterUse,
    AudioPart,
    ChatResult,
    Choice,
    ImagePart,
    Message,
    TextPart,
    TokenLogprob,
    ToolCall,
    Usage,
)
from ingle.wire import rerank, tokenization
from ingle.wire.openai import chat_answer, chat_completions, completions, embeddings, responses
from ingle.wire.openai.completion_answer import Logprobs

HELLO = [{"role": "user", "content": "hello"}]


def parsed(**body: Any) -> chat_completions.ChatCompletionsRequest:
    return chat_completions.parse(json.dumps({"model": "m", "messages": HELLO, **body}).encode())


def test_every_field_reaches_the_operation() -> None:
    operation = parsed(
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        min_p=0.1,
        presence_penalty=1,
        frequency_penalty=-1,
        repetition_penalty=1.1,
        seed=-2,
        stop="\n",
        logit_bias={"5": -100, "foo": 0},
        n=2,
        logprobs=True,
        top_logprobs=3,
        max_completion_tokens=9,
        num_ctx=2048,
        keep_alive="5m",
        lora=[{"name": "legal", "scale": 0.5}],
        parallel_tool_calls=False,
        reasoning={"enabled": True, "budget": 100},
        chat_template_kwargs={"style": "plain"},
        user="ignored",
        metadata={"a": "b"},
        service_tier="auto",
        something_new=[1, 2],
    ).operation
    sampling = operation.sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k) == (0.5, 0.9, 40)
    assert (sampling.min_p, sampling.repeat_penalty) == (0.1, 1.1)
    assert (sampling.presence_penalty, sampling.frequency_penalty) == (1, -1)
    assert sampling.seed == 2**32 - 2
    assert sampling.logit_bias == {5: -100}
    assert operation.stop == ["\n"]
    assert (operation.n, operation.logprobs, operation.top_logprobs) == (2, True, 3)
    assert (operation.max_tokens, operation.context, operation.keep_alive) == (9, 2048, 300)
    assert operation.adapters == [AdapterUse(name="legal", scale=0.5)]
    assert operation.parallel_tool_calls is False
    assert (operation.think, operation.think_budget) == (True, 100)
    assert operation.template_options == {"style": "plain"}


@pytest.mark.parametrize(
    ("body", "think", "budget"),
    [
        ({}, None, None),
        ({"reasoning_effort": "none"}, False, None),
        ({"reasoning_effort": "low"}, True, 1024),
        ({"reasoning_effort": "high"}, True, None),
        ({"reasoning": {"enabled": False}, "reasoning_effort": "high"}, False, None),
        ({"reasoning": {"budget": 0}}, False, 0),
        ({"reasoning": {"effort": "minimal"}}, True, 256),
        ({"chat_template_kwargs": {"enable_thinking": False}}, False, None),
    ],
)
def test_reasoning(body: dict[str, Any], think: bool | None, budget: int | None) -> None:
    operation = parsed(**body).operation
    assert (operation.think, operation.think_budget) == (think, budget)


def test_formats() -> None:
    is_interactive = {"type": "object", "properties": {"name": {"type": "string"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "p", "schema": is_interactive}}
    assert parsed(response_format=wanted).operation.schema == is_interactive
    assert parsed(response_format={"type": "json_object"}).operation.schema == {"type": "object"}
    assert parsed(response_format={"type": "text"}).operation.schema is None


def test_tools_and_choices() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("a", "b")]
    assert parsed(tools=tools).operation.tool_choice == "auto"
    assert parsed(tools=tools, tool_choice="required").operation.tool_choice == "required"
    named = {"type": "function", "function": {"name": "b"}}
    assert parsed(tools=tools, tool_choice=named).operation.tool_choice == "b"
    allowed = {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "required", "tools": tools[:1]},
    }
    operation = parsed(tools=tools, tool_choice=allowed).operation
    assert operation.tool_choice == "required"
    assert [tool.name for tool in operation.tools] == ["a"]
    with pytest.raises(InvalidRequest, match="tool_choice"):
        parsed(tool_choice=named)


def test_messages_of_all_roles() -> None:
    picture = base64.b64encode(b"\x89PNG").decode()
    found = parsed(
        messages=[
            {"role": "developer", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "this"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}},
                    {"type": "image_url", "image_url": "https://example.com/a.png"},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": "hm",
                "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                ],
            },
            {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "42"}]},
        ]
    ).operation.messages
    assert found[0].role == "developer"
    assert found[1].content == [
        TextPart(text="this"),
        ImagePart(data=b"\x89PNG"),
        ImagePart(url="https://example.com/a.png"),
    ]
    assert found[2].reasoning == "hm"
    assert found[2].tool_calls == [ToolCall(id="c", name="f", arguments="{}")]
    assert (found[3].content, found[3].tool_call_id) == ("42", "c")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a/b", "/etc/passwd", "", "gopher:x"])
def test_images_from_elsewhere_are_refused(url: str) -> None:
    part = {"type": "image_url", "image_url": {"url": url}}
    with pytest.raises(UnsafeURL):
        parsed(messages=[{"role": "user", "content": [part]}])


@pytest.mark.parametrize("url", ["data:image/png;base64,@@", "data:image/png,raw", "data:;base64,"])
def test_broken_data_urls_are_named(url: str) -> None:
    part = {"type": "image_url", "image_url": {"url": url}}
    with pytest.raises(InvalidRequest) as caught:
        parsed(messages=[{"role": "user", "content": [part]}])
    assert caught.value.details["field"] == "messages[0].content[0].image_url"


def test_parts_that_chat_does_not_take() -> None:
    part = {"type": "file", "file": {"file_id": "file-1"}}
    with pytest.raises(CapabilityMissing, match="file"):
        parsed(messages=[{"role": "user", "content": [part]}])


def test_sound_is_a_part_of_a_message() -> None:
    part: dict[str, Any] = {
        "type": "input_audio",
        "input_audio": {"data": "UklGRg==", "format": "wav"},
    }
    chat = parsed(messages=[{"role": "user", "content": [part]}]).operation
    assert chat.messages[0].content == [AudioPart(data=b"RIFF")]
    for data, why in (("", "the recording is empty"), ("!", "not base64")):
        part["input_audio"] = {"data": data}
        with pytest.raises(InvalidRequest, match=why):
            parsed(messages=[{"role": "user", "content": [part]}])


def test_the_whole_answer() -> None:
    result = ChatResult(
        model="m",
        digest="sha256:0123456789abcdef",
        where="local",
        choices=[
            Choice(
                index=0,
                reasoning="hm",
                tool_calls=[ToolCall(id="", name="f", arguments="{}")],
                finish="stop",
                logprobs=[TokenLogprob(token="é", logprob=float("-inf"), data=b"\xc3")],
            )
        ],
        usage=Usage(prompt_tokens=3, completion_tokens=2, cached_tokens=1, reasoning_tokens=1),
    )
    found = json.loads(chat_answer.completion(result, identifier="chatcmpl-9", created=1))
    assert found["system_fingerprint"] == "fp_0123456789ab"
    choice = found["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert choice["message"]["reasoning_content"] == "hm"
    assert choice["message"]["tool_calls"][0]["id"] == "call_9_0_0"
    assert choice["logprobs"]["content"][0]["logprob"] == -9999.0
    assert choice["logprobs"]["content"][0]["bytes"] == [0xC3]
    assert found["usage"]["completion_tokens_details"] == {"reasoning_tokens": 1}


def completed(**body: Any) -> completions.CompletionsRequest:
    return completions.parse(json.dumps({"model": "m", **body}).encode())


def test_prompts() -> None:
    assert [o.prompt for o in completed(prompt="a").operations] == ["a"]
    assert [o.prompt for o in completed(prompt=["a", "b"]).operations] == ["a", "b"]
    assert [o.prompt for o in completed(prompt=[1, 2]).operations] == [[1, 2]]
    assert [o.prompt for o in completed(prompt=[[1], [2]]).operations] == [[1], [2]]
    assert completed(prompt=["ab", "c"]).offsets == [2, 1]
    assert completed(prompt="ab", echo=True).offsets == [0]
    assert completed(prompt="a").operations[0].max_tokens == 16
    scoring = completed(prompt="a", echo=True, max_tokens=0, logprobs=0).operations[0]
    assert (scoring.echo_only, scoring.logprobs, scoring.top_logprobs) == (True, True, 0)
    for bad in ([1, "a"], [], ["a"] * 200):
        with pytest.raises(InvalidRequest, match="prompt"):
            completed(prompt=bad)


def test_legacy_logprobs_count_characters_and_write_half_ones() -> None:
    state = Logprobs(2)
    first = state.add([TokenLogprob(token="a", logprob=None), TokenLogprob(token="b", logprob=-1)])
    assert first == {
        "tokens": ["a", "b"],
        "token_logprobs": [None, -1],
        "top_logprobs": [None, {"b": -1}],
        "text_offset": [2, 3],
    }
    half = [TokenLogprob(token="�", logprob=-1, data=bytes([b])) for b in "é".encode()]
    second = state.add([*half, TokenLogprob(token="z", logprob=-1)])
    assert second["tokens"] == ["bytes:\\xc3", "bytes:\\xa9", "z"]
    assert second["text_offset"] == [4, 4, 5]


def test_embeddings() -> None:
    def inputs(given: object, **more: object) -> object:
        body = {"model": "m", "input": given, **more}
        return embeddings.parse(json.dumps(body).encode()).operation

    assert inputs("a").inputs == ["a"]
    assert inputs([1, 2]).inputs == [[1, 2]]
    assert inputs([[1], [2]]).inputs == [[1], [2]]
    assert inputs(["a"], input_type="search_document").kind == "passage"
    for bad in ("", [], [1, "a"], ["a", ""]):
        with pytest.raises(InvalidRequest, match="input"):
            inputs(bad)


def test_rerank_and_tokenize() -> None:
    body = {"model": "m", "query": "q", "documents": ["a", {"text": "b"}], "top_n": 1}
    assert rerank.parse(json.dumps(body).encode()).operation.documents == ["a", "b"]
    with pytest.raises(InvalidRequest, match="top_n"):
        rerank.parse(json.dumps({**body, "top_n": 0}).encode())
    text = tokenization.parse_tokenize(b'{"model":"m","prompt":"x"}')
    assert text.text == "x"


def test_response_items_become_turns() -> None:
    body = {
        "input": [
            {"role": "user", "content": "hi"},
            {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "hm"}]},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "a"}],
            },
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "42"},
        ],
        "instructions": "Be brief.",
    }
    request = responses.parse(json.dumps(body).encode(), default_model="ember")
    turns = request.turns
    assert [turn.role for turn in turns] == ["user", "assistant", "tool"]
    assert (turns[1].reasoning, turns[1].content) == ("hm", "a")
    assert turns[1].tool_calls[0].name == "f"
    history = [Message(role="user", content="before")]
    assert [m.role for m in request.operation(history).messages][:3] == ["system", "user", "user"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"background": True, "store": False}, "background"),
        ({"conversation": "c", "previous_response_id": "r"}, "conversation"),
        ({"input": [{"type": "message", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": [{"type": "x"}]}]}, "input[0].content[0].type"),
        ({"input": []}, "input"),
        ({"reasoning": {"effort": "vast"}}, "reasoning.effort"),
        ({"input": 5}, "input"),
        ({"tools": [{"type": "function", "name": "a b"}]}, "tools[0].name"),
    ],
)
def test_responses_refuse_what_they_do_not_offer(body: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        responses.parse(json.dumps(body).encode(), default_model="m").operation([])
    assert caught.value.details["field"] == field
