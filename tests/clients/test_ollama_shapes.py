"""What Ollama's clients send and look for, on the wire, before a real node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.clients

TURNS = [{"role": "user", "content": "What does grep -i do?"}]
FEW = {"num_predict": 8, "temperature": 0}


def ask(real: str, path: str, body: dict[str, Any], status: int = 200) -> Any:
    response = httpx.post(f"{real}{path}", json=body, timeout=60)
    assert response.status_code == status, response.text
    return response.json()


def lines(real: str, path: str, body: dict[str, Any]) -> list[Any]:
    response = httpx.post(f"{real}{path}", json=body, timeout=60)
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()]


@pytest.mark.parametrize("name", ["ember:latest", "Ember", "ember"])
def test_a_name_comes_back_as_it_was_asked(real: str, name: str) -> None:
    chat = {"model": name, "messages": TURNS, "options": FEW}
    prompt = {"model": name, "prompt": "Hi", "options": FEW}
    for path, body in (("/api/chat", chat), ("/api/generate", prompt)):
        assert ask(real, path, {**body, "stream": False})["model"] == name
        assert {line["model"] for line in lines(real, path, body)} == {name}
    embed = {"model": "ember-embed:latest", "input": ["a"]}
    assert ask(real, "/api/embed", embed)["model"] == "ember-embed:latest"


def test_each_line_has_its_own_time(real: str) -> None:
    found = lines(real, "/api/chat", {"model": "ember", "messages": TURNS, "options": FEW})
    times = [line["created_at"] for line in found]
    assert times == sorted(times)
    assert len(set(times)) > 2


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/api/embed", "/api/embeddings"])
@pytest.mark.parametrize("context", [8192, 131072])
def test_more_context_than_it_was_trained_for_is_all_it_was_trained_for(
    real: str, path: str, context: int
) -> None:
    """aider and langchain send ``num_ctx`` without looking at the model."""
    embeds = path.startswith("/api/embed")
    body: dict[str, Any] = {"model": "ember-embed" if embeds else "ember"}
    body |= {"options": {"num_ctx": context, **FEW}, "stream": False}
    asked = "input" if path == "/api/embed" else "prompt"
    turns = {"messages": TURNS} if path == "/api/chat" else {asked: "hello"}
    ask(real, path, {**body, **turns})
    found = lines(real, path, {**body, **turns, "stream": True})
    if not embeds:
        assert found[-1]["done"]
    long = "word " * 20_000
    turns = (
        {"messages": [{"role": "user", "content": long}]} if path == "/api/chat" else {asked: long}
    )
    assert ask(real, path, {**body, **turns}, 400)["code"] == "context_length_exceeded"


def test_a_model_is_loaded_with_the_context_that_it_has(real: str) -> None:
    body = {"model": "ember", "options": {"num_ctx": 65536}, "stream": False}
    assert ask(real, "/api/generate", body)["done_reason"] == "load"
    loaded = httpx.get(f"{real}/api/ps").json()["models"]
    assert {"ember": 4096}.items() <= {m["name"]: m["context_length"] for m in loaded}.items()


@pytest.mark.parametrize("last", [-1, 0, 64])
def test_the_whole_context_may_be_looked_at_for_repetitions(real: str, last: int) -> None:
    options = {**FEW, "repeat_last_n": last, "repeat_penalty": 1.1}
    body = {"model": "ember", "messages": TURNS, "options": options, "stream": False}
    assert ask(real, "/api/chat", body)["message"]["content"]
    openai = {"model": "ember", "messages": TURNS, "max_tokens": 4, "repeat_last_n": last}
    ask(real, "/v1/chat/completions", openai)


@pytest.mark.parametrize("think", ["max", "high", "low", True, False])
def test_every_level_of_thinking_is_known(real: str, think: bool | str) -> None:
    body = {"model": "ember", "messages": TURNS, "think": think, "options": FEW, "stream": False}
    assert ask(real, "/api/chat", body)["done"]


def test_nothing_to_embed_is_no_vector(real: str) -> None:
    for body in ({"input": []}, {"input": ""}, {}):
        answer = ask(real, "/api/embed", {"model": "ember-embed", **body})
        assert (answer["embeddings"], answer["prompt_eval_count"]) == ([], 0)
    for body in ({"prompt": ""}, {}):
        assert ask(real, "/api/embeddings", {"model": "ember-embed", **body}) == {"embedding": []}
    ask(real, "/api/embed", {"model": "nonesuch", "input": []}, 404)
    ask(real, "/api/embed", {"model": "ember-embed", "input": [], "keep_alive": 0})
    names = [model["name"] for model in httpx.get(f"{real}/api/ps").json()["models"]]
    assert "ember-embed" not in names


@pytest.mark.parametrize("name", ["ember", "ember:latest"])
def test_to_pull_what_is_there_succeeds(real: str, name: str) -> None:
    assert ask(real, "/api/pull", {"model": name, "stream": False}) == {"status": "success"}
    assert lines(real, "/api/pull", {"name": name})[-1] == {"status": "success"}
    ask(real, "/api/pull", {"model": "nonesuch", "stream": False}, 404)


def test_lists_tell_what_a_model_can_do(real: str) -> None:
    found = {m["name"]: m for m in httpx.get(f"{real}/api/tags").json()["models"]}
    assert {"completion", "tools"} <= set(found["ember"]["capabilities"])
    assert found["ember-embed"]["capabilities"] == ["embedding"]
    assert found["ember"]["details"]["context_length"] == 4096
    details = ask(real, "/api/show", {"model": "ember-embed"})["details"]
    vector = ask(real, "/api/embed", {"model": "ember-embed", "input": "a"})["embeddings"][0]
    assert details["embedding_length"] == len(vector)


def test_the_greeting_is_the_one_that_clients_compare(real: str) -> None:
    assert httpx.get(real).text == "Ollama is running"
    assert httpx.get(f"{real}/", headers={"accept": "text/html,*/*"}).text == "ingle is running"
    assert httpx.head(real).status_code == 200


def test_a_modelfile_builds_from_the_models_own_file(real: str) -> None:
    shown = ask(real, "/api/show", {"model": "ember"})
    first, *rest = shown["modelfile"].splitlines()
    assert Path(first.removeprefix("FROM ")).read_bytes()[:4] == b"GGUF"
    assert [line.split()[0] for line in rest] == (["LICENSE"] if shown["license"] else [])
