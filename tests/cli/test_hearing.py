"""``ingle run --audio`` and ``/audio`` in ``ingle chat``, heard by a real model."""

from __future__ import annotations

import pytest

from ..engines.hearing_model import FOLDER, asked, spoken, wav
from .place import Place
from .terminal import CTRL_D, Terminal

pytestmark = pytest.mark.extras

GREEDY = ("-t", "0")


def test_a_recording_is_asked_about(place: Place) -> None:
    place.ok("pull", str(FOLDER))
    assert "audio" in place.ok("list").out
    clip = spoken(1, seed=11)[0]
    file = place.home / "said.wav"
    file.write_bytes(wav(clip))
    question = asked(clip, 0)
    told = place.ok("run", "hearing", question.text, "--audio", str(file), *GREEDY)
    assert told.out.strip() == question.answer
    deaf = place.ingle("run", "ember", "What?", "--audio", str(file), "--json")
    assert deaf.error["code"] == "capability_missing"
    with Terminal(place, "chat", "hearing", *GREEDY) as terminal:
        terminal.until(">>> ")
        terminal.line(f"/audio {file}")
        terminal.until("attached to the next message")
        terminal.line(question.text)
        terminal.until(question.answer)
        terminal.line("/again")
        terminal.until(question.answer)
        terminal.press(CTRL_D)
        assert terminal.ends() == 0
    file.write_bytes(b"")
    refused = place.ingle("run", "hearing", "What?", "--audio", str(file))
    assert (refused.status, "said.wav is empty" in refused.err) == (2, True)
