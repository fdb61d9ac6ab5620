"""OpenAI's own Python client."""

from __future__ import annotations

import json
from collections.abc import Iterator

import openai
import pytest

pytestmark = pytest.mark.clients

HELLO = [{"role": "user", "content": "hello"}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]
TEXT = "Hello, wide world!"


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as found:
        yield found


def test_chat(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="ember", messages=HELLO, temperature=0)
    assert answer.choices[0].message.content == TEXT
    assert answer.usage is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 8


def test_stream(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="ember", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == TEXT
    assert chunks[-1].usage.total_tokens == 17


def test_a_long_prompt_tells_how_far_it_is(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="ember",
        messages=[{"role": "user", "content": "one two three four"}],
        max_tokens=2,
        stream=True,
        extra_body={"return_progress": True},
    )
    told = [chunk.model_extra["prompt_progress"] for chunk in stream if not chunk.choices]
    assert told[-1]["processed"] == told[-1]["total"] > 0
    assert len(told) > 1


def test_tools_there_and_back(client: openai.OpenAI) -> None:
    asked = {"model": "ember", "tools": TOOLS}
    answer = client.chat.completions.create(messages=HELLO, **asked)
    call = answer.choices[0].message.tool_calls[0]
    assert answer.choices[0].finish_reason == "tool_calls"
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    messages = [
        *HELLO,
        answer.choices[0].message,
        {"role": "tool", "tool_call_id": call.id, "content": "rain"},
    ]
    again = client.chat.completions.create(messages=messages, **asked)
    assert again.choices[0].message.content == TEXT


def test_streamed_tools(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="ember", messages=[{"role": "user", "content": "both"}], tools=TOOLS * 2
    ) as stream:
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert [call.id for call in calls] == ["call_00", "call_01"]
    assert all(json.loads(call.function.arguments) == {"city": "Paris"} for call in calls)
    assert final.choices[0].finish_reason == "tool_calls"


def test_json_schema(client: openai.OpenAI) -> None:
    import pydantic

    is_interactive = pydantic.create_model("Person", name=(str, ...), age=(int, ...))
    answer = client.chat.completions.parse(
        model="ember", messages=HELLO, response_format=is_interactive
    )
    assert answer.choices[0].message.parsed.age == 36


def test_logprobs(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="ember", messages=HELLO, logprobs=True, top_logprobs=2
    )
    tokens = answer.choices[0].logprobs.content
    assert "".join(token.token for token in tokens) == TEXT
    assert len(tokens[0].top_logprobs) == 2


def test_completions(client: openai.OpenAI) -> None:
    answer = client.completions.create(
        model="ember", prompt=["one two", "three"], echo=True, logprobs=1, n=2
    )
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert answer.choices[0].text == "one two" + TEXT
    assert answer.choices[0].logprobs.token_logprobs[0] is None
    assert answer.choices[0].logprobs.text_offset[:3] == [0, 3, 7]
    texts = ["", "", ""]
    for chunk in client.completions.create(
        model="ember", prompt=["a", "b", "c"], stream=True, max_tokens=5
    ):
        texts[chunk.choices[0].index] += chunk.choices[0].text
    assert texts == [TEXT] * 3


def test_embeddings(client: openai.OpenAI) -> None:
    found = client.embeddings.create(model="minilm", input=["one", "two"])
    assert [row.embedding for row in found.data] == [[0.5] * 4, [1.5] * 4]
    short = client.embeddings.create(
        model="minilm", input="x", dimensions=2, encoding_format="float"
    )
    assert short.data[0].embedding == [0.5, 0.5]


def test_models(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert "hf.co/acme/Tiny-GGUF:Q4_K_M" in names
    assert client.models.retrieve("ember").owned_by == "embedded"
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="missing", messages=HELLO)
    assert caught.value.code == "model_not_found"
    assert caught.value.request_id


def test_errors(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="ember", messages=[{"role": "user", "content": "overflow"}]
        )
    assert caught.value.code == "context_length_exceeded"
    with pytest.raises(openai.APIError, match="the worker died"):
        list(
            client.chat.completions.create(
                model="ember", messages=[{"role": "user", "content": "break"}], stream=True
            )
        )


def test_responses_keep_the_conversation(client: openai.OpenAI) -> None:
    first = client.responses.create(model="ember", input="hello", instructions="Be brief.")
    assert first.output_text == TEXT
    second = client.responses.create(
        model="ember", input="again", previous_response_id=first.id, stream=True
    )
    events = list(second)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == TEXT
    again = client.responses.retrieve(events[-1].response.id)
    assert again.previous_response_id == first.id
    items = client.responses.input_items.list(first.id)
    assert items.data[0].content[0].text == "hello"
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)


def test_responses_stream_tools_and_text(client: openai.OpenAI) -> None:
    tools = [{"type": "function", **TOOLS[0]["function"], "strict": False}]
    with client.responses.stream(model="ember", input="weather", tools=tools) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[0] == "response.created"
    assert "response.function_call_arguments.delta" in kinds
    call = final.output[0]
    assert json.loads(call.arguments) == {"city": "Paris"}
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}
    after = client.responses.create(
        model="ember", input=[result], previous_response_id=final.id, tools=tools
    )
    assert after.output_text == TEXT


def test_responses_schema(client: openai.OpenAI) -> None:
    import pydantic

    is_interactive = pydantic.create_model("Person", name=(str, ...), age=(int, ...))
    answer = client.responses.parse(model="ember", input="hello", text_format=is_interactive)
    assert answer.output_parsed.name == "Ada"


def test_strict_validation(url: str) -> None:
    with openai.OpenAI(
        base_url=f"{url}/v1", api_key="none", _strict_response_validation=True
    ) as client:
        client.responses.create(input="hello")
        client.responses.create(input="hello", reasoning={"effort": "low"})
        list(client.responses.create(input="hello", stream=True))
        client.chat.completions.create(model="ember", messages=HELLO, tools=TOOLS)
        list(client.chat.completions.create(model="ember", messages=HELLO, stream=True, n=2))
        client.completions.create(model="ember", prompt="x", logprobs=1)
        client.models.list()
