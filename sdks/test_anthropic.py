"""anthropic: messages."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import pytest
from shapes import CHAT, TOOL, TURNS, City

TOOLS = [
    {
        "name": "weather",
        "description": "The weather of a city.",
        "input_schema": TOOL["function"]["parameters"],
    }
]


@pytest.fixture
def client(url: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=url, api_key="none", max_retries=0) as client:
        yield client


def test_chat_and_stream(client: anthropic.Anthropic) -> None:
    asked = {"model": CHAT, "messages": TURNS, "max_tokens": 24, "system": "Be brief."}
    asked |= {"extra_body": {"temperature": 0}}
    whole = client.messages.create(**asked)
    with client.messages.stream(**asked) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == whole.content[0].text == final.content[0].text != ""
    assert final.usage.output_tokens == whole.usage.output_tokens
    assert client.messages.count_tokens(model=CHAT, messages=TURNS).input_tokens > 0


def test_tools(client: anthropic.Anthropic) -> None:
    asked = {"model": CHAT, "messages": TURNS, "max_tokens": 200, "tools": TOOLS}
    assert client.messages.create(**asked, tool_choice={"type": "auto"}).content
    for choice in ({"type": "any"}, {"type": "tool", "name": "weather"}):
        called = client.messages.create(**asked, tool_choice=choice)
        assert called.stop_reason == "tool_use"
        City.model_validate(called.content[-1].input)
    with client.messages.stream(**asked, tool_choice={"type": "any"}) as stream:
        City.model_validate(stream.get_final_message().content[-1].input)


def test_errors(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="nonesuch"):
        client.messages.create(model="nonesuch", messages=TURNS, max_tokens=8)
    with pytest.raises(anthropic.BadRequestError, match="top_p"):
        client.messages.create(model=CHAT, messages=TURNS, max_tokens=8, extra_body={"top_p": 7})
    assert CHAT in [model.id for model in client.models.list()]
