"""``ingle run --image`` and pictures dragged into ``ingle chat``, seen by a real model."""

from __future__ import annotations

import json

import pytest

from ..engines.seeing_model import FOLDER, asked, drawings, png
from .place import Place
from .terminal import CTRL_D, Terminal

pytestmark = pytest.mark.extras

GREEDY = ("-t", "0")
PROMPT = ">>> "


@pytest.fixture(scope="module")
def seeing(place: Place) -> Place:
    """A place that has the model."""
    place.ok("pull", str(FOLDER))
    return place


def test_a_picture_is_asked_about(seeing: Place) -> None:
    assert "vision" in seeing.ok("list").out
    wrong = []
    for number, scene in enumerate(drawings(3, seed=11)):
        file = seeing.home / f"{number}.png"
        file.write_bytes(png(scene))
        question = asked(scene, number)
        told = seeing.ok("run", "shapes", question.text, "--image", str(file), *GREEDY)
        wrong += [question] if told.out.strip() != question.answer else []
    assert len(wrong) <= 1, wrong


def test_what_cannot_be_seen_is_told(seeing: Place) -> None:
    file = seeing.home / "no.png"
    file.write_bytes(b"no picture")
    refused = seeing.ingle("run", "shapes", "What is it?", "--image", str(file))
    assert refused.status == 2
    assert "the image: unsupported image format" in refused.err
    file.write_bytes(png(drawings(1)[0]))
    blind = seeing.ingle("run", "ember", "What is it?", "--image", str(file), "--json")
    assert blind.error["code"] == "capability_missing"
    assert blind.error["hint"] == "ingle recommend vision"
    file.write_bytes(b"")
    assert "no.png is empty" in seeing.ingle("run", "shapes", "?", "--image", str(file)).err
    assert seeing.ingle("run", "shapes", "?", "--image", "none.png").status == 2


def test_a_picture_is_dragged_into_a_chat(seeing: Place) -> None:
    scene = drawings(1, seed=12)[0]
    file = seeing.home / "a drawing.png"
    file.write_bytes(png(scene))
    text = "How many shapes are there?"
    wanted = seeing.ok("run", "shapes", text, "--image", str(file), *GREEDY).out.strip()
    with Terminal(seeing, "chat", "shapes", *GREEDY) as terminal:
        terminal.until(PROMPT)
        terminal.line(f"'{file}' {text}")
        terminal.until(wanted)
        terminal.line("/again")
        terminal.until(wanted)
        terminal.line("/save said.json")
        terminal.until("2 messages are in said.json")
        terminal.line(str(file).replace(" ", "\\ "))
        terminal.until("attached to the next message")
        terminal.press(CTRL_D)
        assert terminal.ends() == 0
    asked_about, answered = json.loads((seeing.home / "said.json").read_text())
    assert [part["type"] for part in asked_about["content"]] == ["image", "text"]
    assert asked_about["content"][1]["text"] == text
    assert answered["content"] == wanted
