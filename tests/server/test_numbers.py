"""Numbers that JSON can write and nothing behind it can carry, on every route that has them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .running import Running

TURNS = [{"role": "user", "content": "x"}]


def placed(number: Any) -> list[tuple[str, dict[str, Any], str]]:
    """Route, body and the field that the refusal names."""
    schema = {"type": "object", "properties": {"a": {"type": "integer", "maximum": number}}}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    within = "properties.a.maximum"
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    call = {"type": "tool_use", "id": "c", "name": "f", "input": {"a": number}}
    called = {
        "role": "assistant",
        "tool_calls": [{"function": {"name": "f", "arguments": [number]}}],
    }
    chat = {"model": "m", "messages": TURNS}
    return [
        (
            "/v1/chat/completions",
            {**chat, "response_format": form},
            f"response_format.json_schema.schema.{within}",
        ),
        (
            "/v1/chat/completions",
            {**chat, "tools": [tool]},
            f"tools[0].function.parameters.{within}",
        ),
        (
            "/v1/chat/completions",
            {**chat, "chat_template_kwargs": {"a": [1, number]}},
            "chat_template_kwargs.a[1]",
        ),
        ("/v1/responses", {"model": "m", "input": "x", "metadata": {"a": number}}, "metadata.a"),
        (
            "/v1/messages",
            {**chat, "messages": [*TURNS, {"role": "assistant", "content": [call]}]},
            "messages[1].content[0].input.a",
        ),
        (
            "/v1/messages",
            {**chat, "output_format": {"type": "json_schema", "schema": schema}},
            f"output_format.schema.{within}",
        ),
        ("/api/chat", {**chat, "format": schema}, f"format.{within}"),
        (
            "/api/chat",
            {**chat, "messages": [*TURNS, called]},
            "messages[1].tool_calls[0].function.arguments[0]",
        ),
        ("/v1/detokenize", {"model": "m", "tokens": [1, number]}, "tokens[1]"),
        ("/v1/embeddings", {"model": "m", "input": [[1], [2, number]]}, "input[1][1]"),
        ("/v1/completions", {"model": "m", "prompt": [1, number]}, "prompt[1]"),
    ]


@pytest.mark.parametrize(
    "written",
    [
        "1" + "0" * 30,
        str(-(2**63) - 1),
        str(2**64),
        "9" * 5000,
        "1e999",
        "-1e999",
        "9" * 400 + ".5",
    ],
    ids=["30 digits", "-65 bits", "65 bits", "5000 digits", "1e999", "-1e999", "a long float"],
)
def test_a_number_out_of_range_is_refused_by_its_name(server: Running, written: str) -> None:
    for path, body, field in placed("@"):
        content = json.dumps(body).replace('"@"', written)
        response = server.client.post(path, content=content)
        assert response.status_code == 400, (path, response.text)
        assert field in response.text, (path, field, response.text)


@pytest.mark.parametrize("token", [2**31, 2**32 + 5, -1, 2**63])
def test_token_ids_do_not_wrap(server: Running, token: int) -> None:
    before = len(server.node.performed)
    for path, body, field in (
        ("/v1/embeddings", {"input": [5, token]}, "input[0][1]"),
        ("/v1/detokenize", {"tokens": [5, token]}, "tokens[1]"),
        ("/v1/completions", {"prompt": [5, token]}, "prompt"),
    ):
        response = server.post(path, {"model": "m", **body})
        assert response.status_code == 400
        assert response.json()["error"]["param"] == field
    assert len(server.node.performed) == before


@pytest.mark.parametrize("value", [1e12, 10**12, "1000000000000s", "9999999h", 1e300])
def test_a_model_is_not_kept_longer_than_a_clock_can_tell(server: Running, value: Any) -> None:
    for path, body in (
        ("/v1/chat/completions", {"messages": TURNS}),
        ("/v1/messages", {"messages": TURNS}),
        ("/v1/embeddings", {"input": "x"}),
        ("/v1/rerank", {"query": "x", "documents": ["y"]}),
        ("/api/chat", {"messages": TURNS}),
        ("/api/generate", {"prompt": ""}),
        ("/api/embed", {"input": "x"}),
    ):
        response = server.post(path, {"model": "m", **body, "keep_alive": value})
        assert response.status_code == 400, (path, response.text)
        assert "keep_alive" in response.text
    longest = {"model": "m", "messages": TURNS, "keep_alive": "2562047h47m16.854775807s"}
    assert server.post("/api/chat", {**longest, "stream": False}).status_code == 200


def test_minus_one_is_until_it_ends(server: Running) -> None:
    for path, body in (
        ("/v1/chat/completions", {"messages": TURNS, "max_tokens": -1}),
        ("/v1/chat/completions", {"messages": TURNS, "max_completion_tokens": -1}),
        ("/v1/completions", {"prompt": "x", "max_tokens": -1}),
        ("/v1/responses", {"input": "x", "max_output_tokens": -1}),
        ("/v1/messages", {"messages": TURNS, "max_tokens": -1}),
        ("/api/generate", {"prompt": "x", "options": {"num_predict": -1}}),
    ):
        assert server.post(path, {"model": "m", **body}).status_code == 200, path
        operation = server.node.performed[-1]
        assert getattr(operation, "max_tokens", "none") is None, path


def test_a_field_is_named_as_the_client_wrote_it(server: Running) -> None:
    turns: dict[str, Any] = {"model": "m", "messages": TURNS}
    for path, body in (
        ("/v1/chat/completions", turns),
        ("/v1/completions", {"model": "m", "prompt": "x"}),
        ("/v1/responses", {"model": "m", "input": "x"}),
    ):
        for given, field in (
            ({"context": 0}, "context"),
            ({"num_ctx": 0}, "num_ctx"),
            ({"options": {"num_ctx": 10**12}}, "options.num_ctx"),
            ({"repeat_penalty": 99}, "repeat_penalty"),
            ({"repetition_penalty": 99}, "repetition_penalty"),
            ({"lora": [{"name": "a", "scale": 99}]}, "lora.scale"),
        ):
            response = server.post(path, {**body, **given})
            assert response.status_code == 400, (path, given)
            assert response.json()["error"]["param"] == field, response.text
