"""A model that is known but not here is offered; what suits the machine is recommended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingle.models.embedded import embedded_files

from ..models.hub import FileServer, Hub
from .place import Place
from .terminal import CTRL_D, Terminal

REPO = "Qwen/Qwen3-0.6B-GGUF"
PROMPT = ">>> "


@pytest.fixture
def hub() -> Iterator[Hub]:
    ember = embedded_files()["ember"].read_bytes()
    with FileServer("localhost") as cdn, Hub(cdn) as running:
        assert isinstance(running, Hub)
        running.publish(REPO, {"Qwen3-0.6B-Q8_0.gguf": ember})
        yield running


@pytest.fixture
def place(tmp_path: Path, hub: Hub) -> Iterator[Place]:
    place = Place(tmp_path, HF_ENDPOINT=hub.url)
    yield place
    place.close()


def test_one_key_pulls_it_and_the_chat_opens(place: Place) -> None:
    with Terminal(place, "run", "qwen3:0.6b") as terminal:
        told = terminal.until("[Y/n]")
        assert f"hf.co/{REPO}" in told
        assert "licence apache-2.0" in told
        assert "It fits" in told
        terminal.press("y")
        assert "qwen3:0.6b is ready" in terminal.until(PROMPT)
        terminal.press(CTRL_D)
        assert terminal.ends() == 0
    assert place.ok("show", "qwen3:0.6b", "--json").data["source"] == f"hf.co/{REPO}:Q8_0"


def test_any_other_key_leaves_it(place: Place, hub: Hub) -> None:
    with Terminal(place, "run", "qwen3:0.6b", "Hello?") as terminal:
        terminal.until("[Y/n]")
        terminal.press("n")
        assert terminal.ends() == 3
        assert "ingle pull qwen3:0.6b" in terminal.shown
    assert hub.requests == []


def test_a_repository_is_looked_up_first(place: Place) -> None:
    with Terminal(place, "chat", f"{REPO}:Q8_0") as terminal:
        assert "licence: see its page" in terminal.until("[Y/n]")
        terminal.press("\r")
        assert "is ready" in terminal.until(PROMPT)
        terminal.press(CTRL_D)
        assert terminal.ends() == 0


def test_without_a_terminal_the_command_is_said(place: Place, hub: Hub) -> None:
    told = place.ingle("run", "qwen3:0.6b", "Hello?")
    assert told.status == 3
    assert "ingle pull qwen3:0.6b" in told.err
    assert hub.requests == []
    assert place.ingle("run", "qwen3:0.6b", "Hello?", "--json").error["hint"]


def test_llama_cpps_flag(place: Place) -> None:
    assert place.ok("pull", "-hf", REPO, "--json").data["name"] == f"hf.co/{REPO}"
    answer = place.ok("run", "-hf", REPO, "Hello there", "--temperature", "0")
    assert answer.out.strip()
    nothing = place.ingle("pull")
    assert (nothing.status, "ingle recommend" in nothing.err) == (2, True)


def test_recommendations(place: Place, hub: Hub) -> None:
    every = place.ok("recommend", "--json").data
    assert set(every) == {
        *("chat", "reasoning", "code", "vision", "embed", "rerank", "transcribe", "speak"),
        "imagine",
    }
    for offers in every.values():
        for offer in offers:
            assert offer["needed"] <= offer["available"]
            assert offer["why"]
            assert offer["licence"]
    (one,) = place.ok("recommend", "embed", "--json").data.values()
    assert one == every["embed"]
    family = place.ok("recommend", "qwen3").out
    assert "qwen3:235b-a22b" in family
    assert "models may have" in family
    missing = place.ingle("recommend", "quen3")
    assert (missing.status, "did you mean qwen3" in missing.err) == (3, True)
    assert hub.requests == []
