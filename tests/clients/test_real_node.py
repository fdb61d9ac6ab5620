"""The official clients against ``ingle serve`` and the embedded models: a newcomer's walk."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.waiting import eventually

pytestmark = pytest.mark.clients

CHAT, EMBED = "ember", "ember-embed"
ASK = [{"role": "user", "content": "What does grep -i do?"}]
TELL = [{"role": "user", "content": "Lea: name Lea, age 30\n\nGive me JSON with name and age."}]
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Rome", "Oslo"]}},
    "required": ["city"],
}
LONG = [{"role": "user", "content": "word " * 20_000}]


def prompt_tokens(usage: Any) -> int:
    found: int = usage.input_tokens + usage.cache_read_input_tokens
    return found


def test_openai(real: str) -> None:
    import openai
    import pydantic

    is_interactive = pydantic.create_model("Person", name=(str, ...), age=(int, ...))
    with openai.OpenAI(base_url=f"{real}/v1", api_key="none", max_retries=0) as client:
        names = [model.id for model in client.models.list()]
        assert {CHAT, EMBED} <= set(names)
        asked = {"model": CHAT, "messages": ASK, "temperature": 0, "max_tokens": 32}
        whole = client.chat.completions.create(**asked)
        pieces = [
            chunk.choices[0].delta.content or ""
            for chunk in client.chat.completions.create(**asked, stream=True)
        ]
        assert whole.choices[0].message.content == "".join(pieces) != ""
        assert len(pieces) > 4
        parsed = client.chat.completions.parse(
            **{**asked, "messages": TELL, "max_tokens": 400}, response_format=is_interactive
        )
        assert parsed.choices[0].message.parsed is not None
        tool = {"type": "function", "function": {"name": "weather", "parameters": CITY}}
        called = client.chat.completions.create(
            **{**asked, "max_tokens": 200}, tools=[tool], tool_choice="required"
        )
        assert called.choices[0].finish_reason == "tool_calls"
        call = called.choices[0].message.tool_calls[0]
        assert isinstance(json.loads(call.function.arguments)["city"], str)
        vectors = client.embeddings.create(model=EMBED, input=["a cat", "a kitten"])
        first, second = (row.embedding for row in vectors.data)
        assert sum(x * x for x in first) == pytest.approx(1, abs=1e-3)
        assert len(first) == len(second)
        scored = client.completions.create(
            model=CHAT, prompt="one two three", max_tokens=0, echo=True, logprobs=1
        )
        assert scored.choices[0].text == "one two three"
        assert scored.choices[0].logprobs.token_logprobs[0] is None
        first = client.responses.create(model=CHAT, input="Hello", max_output_tokens=16)
        again = client.responses.create(
            model=CHAT, input="And?", previous_response_id=first.id, max_output_tokens=16
        )
        assert again.usage.input_tokens > first.usage.input_tokens
        with pytest.raises(openai.NotFoundError, match="ember"):
            client.chat.completions.create(model="embre", messages=ASK)


def test_openai_responses(real: str) -> None:
    import openai

    with openai.OpenAI(base_url=f"{real}/v1", api_key="none", max_retries=0) as client:
        tool = {"type": "custom", "name": "shout", "description": "Say it loudly."}
        choice = {"type": "custom", "name": "shout"}
        asked = {"model": CHAT, "input": "Shout hello.", "tools": [tool], "tool_choice": choice}
        with client.responses.stream(**asked, max_output_tokens=200) as stream:
            kinds = [event.type for event in stream]
            (item,) = stream.get_final_response().output
        assert (item.type, item.name) == ("custom_tool_call", "shout")
        assert not item.input.startswith("{")
        assert "response.custom_tool_call_input.done" in kinds
        later = client.responses.create(
            model=CHAT, input="What is awk?", background=True, max_output_tokens=16
        )
        assert later.status == "queued"
        ended = {"completed", "incomplete"}
        eventually(lambda: client.responses.retrieve(later.id).status in ended)
        talk = client.conversations.create()
        for said in ("My name is Ada.", "What is my name?"):
            client.responses.create(
                model=CHAT, input=said, conversation=talk.id, max_output_tokens=16
            )
        kinds = [item.type for item in client.conversations.items.list(talk.id)]
        assert kinds == ["message"] * 4
        empty = client.chat.completions.create(model=CHAT, messages=ASK, max_completion_tokens=0)
        assert (empty.choices[0].message.content, empty.usage.completion_tokens) == ("", 0)


def test_anthropic(real: str) -> None:
    import anthropic

    with anthropic.Anthropic(base_url=real, api_key="none", max_retries=0) as client:
        asked = {"model": CHAT, "messages": ASK, "max_tokens": 32, "extra_body": {"temperature": 0}}
        whole = client.messages.create(**asked)
        with client.messages.stream(**asked) as stream:
            assert "".join(stream.text_stream) == whole.content[0].text != ""
        tools = [{"name": "weather", "input_schema": CITY}]
        called = client.messages.create(
            **{**asked, "max_tokens": 200}, tools=tools, tool_choice={"type": "any"}
        )
        assert called.stop_reason == "tool_use"
        assert isinstance(called.content[-1].input["city"], str)
        started, *_, ended, _ = client.messages.create(**asked, stream=True)
        assert prompt_tokens(started.message.usage) == prompt_tokens(ended.usage) > 0
        assert prompt_tokens(client.messages.create(**{**asked, "max_tokens": 0}).usage) > 0
        counted = client.messages.count_tokens(model=CHAT, messages=ASK)
        usage = whole.usage
        assert counted.input_tokens == usage.input_tokens + (usage.cache_read_input_tokens or 0)


def test_ollama(real: str, request: pytest.FixtureRequest) -> None:
    import ollama

    client = ollama.Client(host=real)
    request.addfinalizer(client.close)
    options = {"temperature": 0, "num_predict": 32}
    whole = client.chat(CHAT, ASK, options=options)
    parts = client.chat(CHAT, ASK, options=options, stream=True)
    assert "".join(part.message.content or "" for part in parts) == whole.message.content != ""
    schema = {**CITY, "additionalProperties": False}
    shaped = client.chat(CHAT, ASK, format=schema, options={**options, "num_predict": 200})
    assert list(json.loads(shaped.message.content)) == ["city"]
    assert client.generate(CHAT, "Hello", options=options).response
    assert client.generate(CHAT, "Once", raw=True, options=options).response
    assert len(client.embed(EMBED, ["a", "b"]).embeddings) == 2
    assert {CHAT, EMBED} <= {model.model for model in client.list().models}
    assert client.show(CHAT).modelinfo["general.architecture"]
    assert CHAT in [model.model for model in client.ps().models]
    client.copy(CHAT, "spark")
    client.delete("spark")
    assert client.generate(CHAT, "", keep_alive=0).done_reason == "unload"


LOOKAHEAD = {"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=x)."}}}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (
            "/v1/chat/completions",
            {
                "messages": ASK,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "a", "strict": True, "schema": LOOKAHEAD},
                },
            },
            "response_format",
        ),
        (
            "/v1/responses",
            {
                "input": ASK,
                "text": {"format": {"type": "json_schema", "name": "a", "schema": LOOKAHEAD}},
            },
            "text.format.schema",
        ),
        (
            "/v1/messages",
            {
                "messages": ASK,
                "output_config": {"format": {"type": "json_schema", "schema": LOOKAHEAD}},
            },
            "output_config.format.schema",
        ),
    ],
)
def test_a_schema_that_cannot_be_held_is_named_as_the_client_wrote_it(
    real: str, path: str, body: dict[str, Any], field: str, stream: bool
) -> None:
    asked = {"model": CHAT, **body, "stream": stream}
    answer = httpx.post(f"{real}{path}", json=asked, timeout=60)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["details"]["field"] == field
    assert error["message"].startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": LONG}),
        ("/v1/chat/completions", {"messages": LONG, "stream": True}),
        ("/v1/completions", {"prompt": "word " * 20_000}),
        ("/v1/responses", {"input": "word " * 20_000}),
        ("/v1/messages", {"messages": LONG}),
        ("/api/chat", {"messages": LONG}),
        ("/api/generate", {"prompt": "word " * 20_000}),
    ],
)
def test_too_long_a_prompt_is_refused_with_both_counts(
    real: str, path: str, body: dict[str, object]
) -> None:
    response = httpx.post(f"{real}{path}", json={"model": CHAT, **body}, timeout=60)
    assert response.status_code == 400
    assert "context_length_exceeded" in response.text
    found = response.json()
    details = found["details"] if path.startswith("/api") else found["error"]["details"]
    assert details["prompt_tokens"] > details["context"] > 0


def test_a_client_that_leaves_frees_its_slot(real: str) -> None:
    asked = {"model": CHAT, "messages": ASK, "stream": True, "ignore_eos": True}
    body = json.dumps(asked).encode()
    host, port = real.removeprefix("http://").split(":")
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}"
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        raw.sendall(head.encode() + b"\r\n\r\n" + body)
        assert raw.recv(4096).startswith(b"HTTP/1.1 200")
        assert slots(real) == 1
    eventually(lambda: not slots(real))


def slots(url: str) -> int:
    page = httpx.get(f"{url}/metrics").text
    lines = [line for line in page.splitlines() if line.startswith("ingle_slots_active ")]
    return int(float(lines[0].split()[1]))


def test_the_state_is_the_owners_alone(real: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    stored = list(Path(tmp_path_factory.getbasetemp()).glob("home*/state/responses.sqlite"))
    assert stored
    assert stored[0].stat().st_mode & 0o077 == 0
