"""Ollama's own Python client."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import ollama
import pytest

pytestmark = pytest.mark.clients

TEXT = "Hello, wide world!"
HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[ollama.Client]:
    found = ollama.Client(host=url)
    with contextlib.closing(found):
        yield found


def weather(city: str) -> str:
    """The weather.

    Args:
        city: Where.
    """
    return "rain in " + city


def test_chat(client: ollama.Client) -> None:
    answer = client.chat("ember", HELLO, options={"temperature": 0, "num_ctx": 2048})
    assert answer.message.content == TEXT
    assert answer.done_reason == "stop"
    assert (answer.prompt_eval_count, answer.eval_count) == (12, 5)
    assert answer.eval_duration == 500_000_000


def test_stream(client: ollama.Client) -> None:
    parts = list(client.chat("ember", HELLO, stream=True, think=True))
    assert "".join(part.message.content or "" for part in parts) == TEXT
    assert "".join(part.message.thinking or "" for part in parts) == "Let me see."
    assert [part.done for part in parts[-2:]] == [False, True]


def test_tools_there_and_back(client: ollama.Client) -> None:
    answer = client.chat("ember", HELLO, tools=[weather])
    call = answer.message.tool_calls[0]
    assert call.function.name == "weather"
    assert call.function.arguments == {"city": "Paris"}
    streamed = list(client.chat("ember", HELLO, tools=[weather], stream=True))
    assert [len(part.message.tool_calls or ()) for part in streamed] == [1, 0]
    result = {"role": "tool", "tool_name": "weather", "content": "rain"}
    again = client.chat("ember", [*HELLO, answer.message, result], tools=[weather])
    assert again.message.content == TEXT


def test_schema(client: ollama.Client) -> None:
    import pydantic

    is_interactive = pydantic.create_model("Person", name=(str, ...), age=(int, ...))
    answer = client.chat("ember", HELLO, format=is_interactive.model_json_schema())
    assert is_interactive.model_validate_json(answer.message.content).age == 36


def test_generate(client: ollama.Client) -> None:
    assert client.generate("ember", "hello", system="Be brief.").response == TEXT
    assert client.generate("ember", "hello", raw=True).response == TEXT
    parts = client.generate("ember", "def f(", suffix="return 1", stream=True)
    assert "".join(part.response for part in parts) == TEXT
    assert client.generate("ember", "").done_reason == "load"
    assert client.generate("ember", "", keep_alive=0).done_reason == "unload"


def test_embed(client: ollama.Client) -> None:
    assert client.embed("minilm", ["a", "b"]).embeddings == [[0.5] * 4, [1.5] * 4]
    assert client.embeddings("minilm", "a").embedding == [0.5] * 4


def test_store(client: ollama.Client) -> None:
    assert "ember" in [model.model for model in client.list().models]
    shown = client.show("ember")
    assert shown.details.parameter_size == "23.0M"
    assert "tools" in shown.capabilities
    assert client.ps().models[0].context_length == 4096
    client.copy("ember", "spark")
    assert "spark" in [model.model for model in client.list().models]
    client.delete("spark")
    assert client.pull("hf.co/acme/tiny").status == "success"
    progress = list(client.pull("hf.co/acme/tiny", stream=True))
    assert [step.status for step in progress][:2] == ["pulling manifest", "pulling abababababab"]
    assert (progress[-3].completed, progress[-3].total) == (100, 100)
    assert progress[-1].status == "success"


def test_errors(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="ingle pull missing") as caught:
        client.chat("missing", HELLO)
    assert caught.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="5000 tokens"):
        client.chat("ember", [{"role": "user", "content": "overflow"}])
    with pytest.raises(ollama.ResponseError, match="the hash is wrong"):
        list(client.pull("broken", stream=True))
