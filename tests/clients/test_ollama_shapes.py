"""What Ollama's clients send and look for, on the wire, before a real node."""

from __future__ import annotations

import json
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
