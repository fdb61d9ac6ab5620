"""A conversation by voice with true weights: a question spoken by Piper is heard and answered."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

import ingle
from ingle.capabilities.talk.talking import AnswerHeard, AnswerOver, Heard
from ingle.capabilities.talk.wav_sound import WavSound
from ingle.sound.loudspeaker import WavSpeaker
from tests.real.speech_weights import GGML_TINY, PIPER

pytestmark = [
    pytest.mark.extras,
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore"),
]
QUESTION = "What does the command grep do?"


def test_a_question_is_heard_answered_and_spoken(tmp_path: Path) -> None:
    assert GGML_TINY.path.exists(), "make test-speech fetches the weights"
    question, answer = tmp_path / "question.wav", tmp_path / "answer.wav"
    places = {"state_dir": str(tmp_path / "state"), "models_dir": str(tmp_path / "models")}
    with ingle.open(**places) as home:
        home.pull("piper:joe", source=str(PIPER))
        home.pull("whisper:tiny.en", source=str(GGML_TINY.path))
        sound = b"".join(home.speak(QUESTION, "piper:joe", format="pcm", rate=16_000))
        with wave.open(str(question), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes(bytes(16_000) + sound + bytes(64_000))
        source = WavSound(question)
        events = list(
            home.talk(
                source.pieces(), WavSpeaker(answer), transcribe_model="whisper:tiny.en",
                speech_model="piper:joe", sound_rate=source.rate, max_tokens=40,
            )
        )  # fmt: skip
        (heard,) = [event for event in events if isinstance(event, Heard)]
        assert "grep" in heard.text.lower() or "command" in heard.text.lower()
        (latency,) = [event for event in events if isinstance(event, AnswerHeard)]
        assert 0 < latency.speak_s < latency.total_s
        (over,) = [event for event in events if isinstance(event, AnswerOver)]
        assert over.text
        again = home.transcribe(answer, "whisper:tiny.en", language="en").text
    said, found = ({*text.lower().replace(".", "").split()} for text in (over.text, again))
    assert len(said & found) >= len(said) // 2
