"""Anthropic's own Python client."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import pytest

pytestmark = pytest.mark.clients

TEXT = "Hello, wide world!"
HELLO = [{"role": "user", "content": "hello"}]
ASK = {"model": "ember", "max_tokens": 64, "messages": HELLO}
TOOLS = [
    {
        "name": "weather",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
]


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=url, api_key="none", max_retries=0) as found:
        yield found


def test_message(client: anthropic.Anthropic) -> None:
    answer = client.messages.create(**ASK, system=[{"type": "text", "text": "Be brief."}])
    assert answer.content[0].text == TEXT
    assert answer.stop_reason == "end_turn"
    assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens) == (4, 8)


def test_stream(client: anthropic.Anthropic) -> None:
    with client.messages.stream(**ASK) as stream:
        assert "".join(stream.text_stream) == TEXT
        final = stream.get_final_message()
    assert final.usage.output_tokens == 5


def test_thinking(client: anthropic.Anthropic) -> None:
    asked = {**ASK, "max_tokens": 2048, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    with client.messages.stream(**asked) as stream:
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text"]
    assert final.content[0].thinking == "Let me see."
    whole = client.messages.create(**asked)
    assert whole.content[0].thinking == "Let me see."


def test_tools_there_and_back(client: anthropic.Anthropic) -> None:
    with client.messages.stream(**ASK, tools=TOOLS, tool_choice={"type": "any"}) as stream:
        streamed = stream.get_final_message()
    answer = client.messages.create(**ASK, tools=TOOLS)
    for message in (streamed, answer):
        assert message.stop_reason == "tool_use"
        assert message.content[0].input == {"city": "Paris"}
    result = {"type": "tool_result", "tool_use_id": answer.content[0].id, "content": "rain"}
    messages = [
        *HELLO,
        {"role": "assistant", "content": answer.content},
        {"role": "user", "content": [result]},
    ]
    again = client.messages.create(model="ember", max_tokens=9, messages=messages, tools=TOOLS)
    assert again.content[0].text == TEXT


def test_count_tokens(client: anthropic.Anthropic) -> None:
    counted = client.messages.count_tokens(
        model="ember", messages=[{"role": "user", "content": "one two three"}]
    )
    assert counted.input_tokens == 3


def test_models(client: anthropic.Anthropic) -> None:
    assert "ember" in [model.id for model in client.models.list()]
    assert client.models.retrieve("ember").display_name == "ember"


def test_errors(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="nearest is ember") as caught:
        client.messages.create(**{**ASK, "model": "missing"})
    assert caught.value.request_id
    with pytest.raises(anthropic.BadRequestError, match="5000 tokens"):
        client.messages.create(**{**ASK, "messages": [{"role": "user", "content": "overflow"}]})
    with pytest.raises(anthropic.APIStatusError, match="the worker died"):
        list(
            client.messages.create(
                **{**ASK, "messages": [{"role": "user", "content": "break"}]}, stream=True
            )
        )
