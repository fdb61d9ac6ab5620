"""True Whisper weights: prompts, languages, translation, silence, and what is said just now."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

import ingle
from ingle.capabilities.transcribe.operation import SpeechTurn, Transcript, TranscriptSegment
from ingle.client.sync import Home
from ingle.sound.samples import RATE, Samples
from tests.real.speech_weights import GGML_BASE, GGML_TINY
from tests.sound.speech_samples import noise, silence, spoken, write

pytestmark = [
    pytest.mark.extras,
    pytest.mark.real,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),
]

BASE, TINY = "whisper:base", "whisper:tiny.en"
NAMED = "My name is Joe, and I live in the old house near the river."
GERMAN = "Guten Tag, mein Name ist Hans, und ich wohne in der Hauptstraße in Berlin."


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    assert GGML_BASE.path.exists(), "make test-speech fetches the weights"
    folder = tmp_path_factory.mktemp("hearing")
    places = {"state_dir": str(folder / "state"), "models_dir": str(folder / "models")}
    with ingle.open(**places) as opened:
        opened.pull(BASE, source=str(GGML_BASE.path))
        opened.pull(TINY, source=str(GGML_TINY.path))
        yield opened


def recording(folder: Path, samples: Samples) -> Path:
    return write(folder / "said.flac", samples, codec="flac")


def test_a_prompt_sets_the_style_and_hot_words_the_spelling(home: Home, tmp_path: Path) -> None:
    path = recording(tmp_path, spoken(NAMED))
    usual = home.transcribe(path, TINY).text
    assert usual[0].isupper()
    style = "all of it is in lower case without any punctuation my name is joe"
    assert home.transcribe(path, TINY, prompt=style).text[0].islower()
    assert "Joe" in usual
    assert "Joe" not in home.transcribe(path, TINY, hotwords=["Jo"]).text


def test_a_language_is_detected_and_translated(home: Home, tmp_path: Path) -> None:
    path = recording(tmp_path, spoken(GERMAN, "de"))
    german = home.transcribe(path, BASE)
    assert german.language == "de"
    assert "Berlin" in german.text
    assert "Name" in german.text
    english = home.transcribe(path, BASE, task="translate").text
    assert "name is" in english
    assert "Berlin" in english


@pytest.mark.parametrize("vad", [True, False])
def test_nothing_is_made_up_of_silence(home: Home, tmp_path: Path, vad: bool) -> None:
    said = home.transcribe(recording(tmp_path, silence(20)), TINY, vad=vad)
    assert said.text == ""


def test_nothing_is_made_up_of_noise(home: Home, tmp_path: Path) -> None:
    said = home.transcribe(recording(tmp_path, noise(20)), BASE)
    assert (said.text, said.transcript.speech_s) == ("", 0)


def test_times_are_those_of_the_recording(home: Home, tmp_path: Path) -> None:
    said = spoken(NAMED)
    sound = np.concatenate((silence(3), said, silence(20), said, silence(2)))
    found = home.transcribe(recording(tmp_path, sound), BASE, timestamps="word")
    second = 23 + len(said) / RATE
    words = [word for segment in found.segments for word in segment.words]
    names = [word.start for word in words if "name" in word.text]
    assert names == pytest.approx([3.3, second + 0.3], abs=0.6)


@pytest.mark.anyio
async def test_what_is_said_is_written_down_while_it_is_said(tmp_path: Path) -> None:
    sound = np.concatenate((spoken(NAMED), silence(1), spoken(NAMED), silence(1)))
    data = (sound * 32767).astype("<i2").tobytes()

    async def said() -> AsyncIterator[bytes]:
        for at in range(0, len(data), 3200):
            yield data[at : at + 3200]

    places = {"state_dir": str(tmp_path / "state"), "models_dir": str(tmp_path / "models")}
    async with ingle.open_async(**places) as home:
        await home.pull(TINY, source=str(GGML_TINY.path))
        events = [event async for event in home.transcription(said(), TINY)]
    final = [e.text for e in events if isinstance(e, TranscriptSegment) and e.final]
    assert len(final) == 2
    assert all("my name is" in text.lower() and "river" in text for text in final)
    assert [e.state for e in events if isinstance(e, SpeechTurn)] == ["started", "ended"] * 2
    (transcript,) = [event for event in events if isinstance(event, Transcript)]
    assert transcript.text == "".join(final).strip()
