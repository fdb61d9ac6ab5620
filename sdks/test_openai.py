"""openai: chat completions, responses, embeddings."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest
from shapes import CHAT, EMBED, QUESTION, TOOL, TURNS, City, is_unit


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_chat_and_stream(client: openai.OpenAI) -> None:
    asked = {"model": CHAT, "messages": TURNS, "temperature": 0, "max_tokens": 24}
    whole = client.chat.completions.create(**asked)
    options = {"include_usage": True}
    chunks = list(client.chat.completions.create(**asked, stream=True, stream_options=options))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content != ""
    assert chunks[-1].usage == whole.usage or chunks[-1].usage.total_tokens
    with client.chat.completions.stream(**{**asked, "max_tokens": 400}) as stream:
        assert (stream.get_final_completion().choices[0].message.content or "").startswith(text)


def test_tools(client: openai.OpenAI) -> None:
    asked = {"model": CHAT, "messages": TURNS, "temperature": 0, "max_tokens": 200}
    free = client.chat.completions.create(**asked, tools=[TOOL], tool_choice="auto")
    message = free.choices[0].message
    assert message.content or message.tool_calls
    for choice in ("required", {"type": "function", "function": {"name": "weather"}}):
        forced = client.chat.completions.create(**asked, tools=[TOOL], tool_choice=choice)
        assert forced.choices[0].finish_reason == "tool_calls"
        call = forced.choices[0].message.tool_calls[0]
        City.model_validate_json(call.function.arguments)
    result = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
    turns = [*TURNS, forced.choices[0].message.model_dump(exclude_none=True), result]
    again = client.chat.completions.create(**{**asked, "messages": turns}, tools=[TOOL])
    assert again.choices


def test_structured(client: openai.OpenAI) -> None:
    asked = {"model": CHAT, "temperature": 0}
    parsed = client.chat.completions.parse(**asked, messages=TURNS, response_format=City)
    assert isinstance(parsed.choices[0].message.parsed, City)
    response = client.responses.parse(**asked, input=QUESTION, text_format=City)
    assert isinstance(response.output_parsed, City)


def test_responses(client: openai.OpenAI) -> None:
    asked = {"model": CHAT, "input": QUESTION, "max_output_tokens": 24, "temperature": 0}
    whole = client.responses.create(**asked)
    with client.responses.stream(**{**asked, "max_output_tokens": 400}) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert final.output_text.startswith(whole.output_text)
    assert whole.output_text
    tool = {"type": "function", "strict": False, **TOOL["function"]}
    called = client.responses.create(
        model=CHAT, input=QUESTION, tools=[tool], tool_choice="required"
    )
    City.model_validate_json(called.output[-1].arguments)


def test_embeddings(client: openai.OpenAI) -> None:
    found = client.embeddings.create(model=EMBED, input=["a cat", "a kitten"])
    assert all(is_unit(row.embedding) for row in found.data)
    assert found.usage.prompt_tokens > 0


def test_errors(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="nonesuch", messages=TURNS)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as bad:
        client.chat.completions.create(model=CHAT, messages=TURNS, top_p=7)
    assert bad.value.param == "top_p"
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model=CHAT, input="a")
    assert {CHAT, EMBED} <= {model.id for model in client.models.list()}
