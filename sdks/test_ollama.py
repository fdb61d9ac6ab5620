"""ollama: chat, generate, embed, create."""

from __future__ import annotations

import json
from collections.abc import Iterator

import ollama
import pytest
from shapes import CHAT, EMBED, QUESTION, TURNS, City, is_unit, weather

FEW = {"temperature": 0, "num_predict": 24}


@pytest.fixture
def client(url: str) -> Iterator[ollama.Client]:
    client = ollama.Client(host=url)
    yield client
    client.close()


def test_chat_and_stream(client: ollama.Client) -> None:
    whole = client.chat(CHAT, TURNS, options=FEW)
    parts = list(client.chat(CHAT, TURNS, options=FEW, stream=True))
    assert "".join(part.message.content or "" for part in parts) == whole.message.content != ""
    assert parts[-1].done
    assert parts[-1].eval_count == whole.eval_count
    assert client.generate(CHAT, QUESTION, options=FEW).response


def test_tools_and_structured(client: ollama.Client) -> None:
    called = client.chat(CHAT, TURNS, tools=[weather], options={"temperature": 0})
    assert called.message.content or called.message.tool_calls
    shaped = client.chat(CHAT, TURNS, format=City.model_json_schema(), options={"temperature": 0})
    City.model_validate_json(shaped.message.content)
    assert isinstance(
        json.loads(
            client.generate(
                CHAT, QUESTION, format="json", options=FEW | {"num_predict": 300}
            ).response
        ),
        dict,
    )


def test_embeddings(client: ollama.Client) -> None:
    assert all(is_unit(list(row)) for row in client.embed(EMBED, ["a", "b"]).embeddings)


def test_create(client: ollama.Client) -> None:
    statuses = [
        part.status
        for part in client.create(
            "brief", from_=CHAT, system="Be brief.", parameters={"num_predict": 3}, stream=True
        )
    ]
    assert statuses[-1] == "success"
    assert client.chat("brief", TURNS).eval_count == 3
    assert client.show("brief").details.parent_model == CHAT
    client.copy("brief", "briefer")
    assert client.delete("brief").status == client.delete("briefer").status == "success"


def test_errors(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="nonesuch") as missing:
        client.chat("nonesuch", TURNS)
    assert missing.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match=r"options\.top_p"):
        client.chat(CHAT, TURNS, options={"top_p": 7})
