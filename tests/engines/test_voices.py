"""Engines that speak, in real workers: espeak-ng, and small networks for the others."""

from __future__ import annotations

import array
import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from recipes.espeak.__main__ import text as voice_file

from ingle import AsyncHome, open_async
from ingle.capabilities.speak.operation import (
    Speak,
    SpeakingSentence,
    Spoken,
    SpokenAudio,
    TextPiece,
)
from ingle.config import Settings
from ingle.engines.engine import LoadSpec
from ingle.engines.espeak.engine import EspeakEngine
from ingle.engines.kokoro.engine import KokoroEngine
from ingle.errors import Cancelled, InvalidRequest
from ingle.models.embedded import embedded_files
from ingle.operations import Event
from ingle.operations.events import Note

from ..sound.tiny_voices import SAMPLES, write_kokoro, write_piper

pytestmark = [pytest.mark.extras, pytest.mark.anyio]

WRITERS: dict[str, Callable[[Path], Path]] = {"piper": write_piper, "kokoro": write_kokoro}
MODELS = ("espeak", "piper", "kokoro")


@asynccontextmanager
async def speaking(settings: Settings, tmp_path: Path, *models: str) -> AsyncIterator[AsyncHome]:
    """A node with tiny models of these names."""
    async with open_async(settings) as home:
        for model in models:
            if model in WRITERS:
                folder = WRITERS[model](tmp_path / model)
                await home.pull(model, source=str(folder))
        yield home


async def spoken(home: AsyncHome, **fields: Any) -> tuple[list[Event], bytes]:
    """The events of a request, and its sound."""
    events = [event async for event in home.events(Speak(**fields))]
    return events, b"".join(event.data for event in events if isinstance(event, SpokenAudio))


def last(events: list[Event]) -> Spoken:
    (found,) = [event for event in events if isinstance(event, Spoken)]
    return found


@pytest.mark.parametrize("model", MODELS)
async def test_each_engine_speaks_sentence_by_sentence(
    model: str, settings: Settings, tmp_path: Path
) -> None:
    async with speaking(settings, tmp_path, model) as home:
        events, sound = await spoken(
            home, model=model, text="Hello there. How are you?", format="pcm"
        )
    sentences = [event for event in events if isinstance(event, SpeakingSentence)]
    assert [sentence.text for sentence in sentences] == ["Hello there.", "How are you?"]
    assert 0 == sentences[0].start_s < sentences[1].start_s
    told = last(events)
    assert told.characters == 25
    assert told.duration_s == pytest.approx(len(sound) / 2 / told.rate, abs=0.001)
    assert max(array.array("h", sound)) > 1_000
    first = next(at for at, event in enumerate(events) if isinstance(event, SpokenAudio))
    second = events.index(sentences[1])
    assert events.index(sentences[0]) < first < second


async def test_what_is_faster_is_shorter(settings: Settings) -> None:
    text = "The quick brown fox jumps over the lazy dog."
    async with open_async(settings) as home:
        slow, fast = [
            last((await spoken(home, model="espeak", text=text, speed=speed))[0]).duration_s
            for speed in (1.0, 2.0)
        ]
    assert fast == pytest.approx(slow / 2, rel=0.2)


async def test_kokoros_voices_speak_its_other_languages_with_an_accent(
    settings: Settings, tmp_path: Path
) -> None:
    async with speaking(settings, tmp_path, "kokoro") as home:
        own, _ = await spoken(home, model="kokoro", text="Hello", language="en-GB")
        other, _ = await spoken(home, model="kokoro", text="Hola", language="es")
    assert (last(own).voice, last(own).language) == ("bm_tiny", "en-GB")
    assert (last(other).voice, last(other).language) == ("af_tiny", "es")


async def test_each_voice_of_espeak_that_is_listed_can_speak(settings: Settings) -> None:
    assert voice_file() == embedded_files()["espeak"].read_text("utf-8")
    async with open_async(settings) as home:
        voices = await home.voices("espeak")
        assert len(voices) > 130
        for voice in voices:
            _, sound = await spoken(home, model="espeak", voice=voice.name, text="1, 2.")
            assert len(sound) > 2_000, voice.name


async def test_the_node_changes_no_sample(settings: Settings) -> None:
    """espeak-ng's sound depends on what it said before, so both say the same in the same order."""
    texts = [f"{word} is number {number}." for number in range(4) for word in ("This", "That")]
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:  # one that has said nothing yet
        alone = pool.submit(_said_alone, texts).result()
    async with open_async(settings) as home:
        for text, sound in zip(texts, alone, strict=True):
            assert (await spoken(home, model="espeak", text=text, format="pcm"))[1] == sound


def _said_alone(texts: list[str]) -> list[bytes]:
    """The sound of texts by the engine itself, one after the other."""
    file = {"weights": [str(embedded_files()["espeak"])]}
    session = EspeakEngine().open(LoadSpec(engine="espeak", model="espeak", files=file))
    found = []
    for text in texts:
        heard: list[Event] = []
        session.perform(Speak(model="espeak", text=text, format="pcm"), heard.append)
        found.append(b"".join(event.data for event in heard if isinstance(event, SpokenAudio)))
    return found


@pytest.mark.parametrize("model", ["piper", "kokoro"])
async def test_each_phoneme_is_in_the_sound(model: str, settings: Settings, tmp_path: Path) -> None:
    async with speaking(settings, tmp_path, model) as home:
        _, short = await spoken(home, model=model, text="Hi.", format="pcm")
        _, long = await spoken(home, model=model, text="Hippopotamus.", format="pcm")
    assert len(long) - len(short) > 5 * 2 * SAMPLES


MARKED = """# The plan

Run `ls` first:

```sh
ls -l | wc
```

- It takes **5 km** of cable.
"""


async def test_markdown_is_read_aloud_and_code_is_not(settings: Settings) -> None:
    async with open_async(settings) as home:
        english, _ = await spoken(home, model="espeak", text=MARKED)
        german, _ = await spoken(home, model="espeak", text=MARKED, language="de")
        plain, _ = await spoken(home, model="espeak", text="2 *", markup="plain")
    assert [event.text for event in english if isinstance(event, SpeakingSentence)] == [
        "The plan",
        "Run ls first:",
        "Code block.",
        "It takes 5 kilometres of cable.",
    ]
    assert last(english).characters == last(german).characters == len(MARKED)
    assert [event.code for event in german if isinstance(event, Note)] == ["left_out"]
    assert [event.text for event in plain if isinstance(event, SpeakingSentence)] == ["2 *"]


async def test_ssml_has_pauses_and_speeds(settings: Settings) -> None:
    async with open_async(settings) as home:
        short, long = [
            last(
                (await spoken(home, model="espeak", markup="ssml", text=f"<speak>{text}</speak>"))[
                    0
                ]
            ).duration_s
            for text in ("One. Two.", 'One. <break time="2s"/> Two.')
        ]
        with pytest.raises(InvalidRequest, match="<audio> is not supported"):
            await spoken(home, model="espeak", markup="ssml", text="<speak><audio/></speak>")
    assert long - short == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize("text", ["...", "\x00\x07\x1b", "\u200b\u202e", "```\n```", "<speak/>"])
async def test_where_nothing_can_be_spoken_it_is_said(text: str, settings: Settings) -> None:
    markup = "ssml" if text.startswith("<") else "plain"
    async with open_async(settings) as home:
        with pytest.raises(InvalidRequest, match=r"nothing (to speak|in it that can be spoken)"):
            await spoken(home, model="espeak", text=text, markup=markup)


@pytest.mark.parametrize(
    "text",
    [
        "🎉🎉",
        "שלום עולם",
        "مرحبا بالعالم",
        "a\x00b\x1b[31mc",
        "\u202eabc",
        "xyz" * 3_000,
        "7" * 5_000,
    ],
)
@pytest.mark.parametrize("model", MODELS)
async def test_odd_texts_are_spoken(
    text: str, model: str, settings: Settings, tmp_path: Path
) -> None:
    async with speaking(settings, tmp_path, model) as home:
        events, sound = await spoken(home, model=model, text=text)
    assert last(events).characters == len(text)
    assert len(sound) > 1_000


async def test_speech_begins_while_the_text_still_comes(settings: Settings) -> None:
    heard = asyncio.Event()

    async def texts() -> AsyncIterator[TextPiece]:
        yield TextPiece(text="This is the first sentence. And")
        await heard.wait()
        yield TextPiece(text=" this is the second one.")

    async with open_async(settings) as home:
        found = []
        async with home.node.perform(Speak(model="espeak"), texts()) as events:
            async for event in events:
                found.append(event)
                if isinstance(event, SpokenAudio):
                    heard.set()
    assert last(found).characters == len("This is the first sentence. And this is the second one.")
    assert sum(isinstance(event, SpeakingSentence) for event in found) == 2


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"model": "espeak", "voice": "en-uss"}, "did you mean en-us"),
        ({"model": "espeak", "language": "tlh"}, "does not speak 'tlh'"),
        ({"model": "espeak", "speed": 4.0}, "speaks at 0.46 to 2.57 times"),
        ({"model": "piper", "voice": "tinny"}, "did you mean tiny"),
        ({"model": "piper", "language": "de"}, "does not speak 'de'"),
        ({"model": "piper", "voice": "tiny", "language": "de"}, "speaks en-US, not 'de'"),
        ({"model": "kokoro", "voice": "af_tinny"}, "did you mean af_tiny"),
        ({"model": "kokoro", "voice": "af_tiny", "language": "fi"}, "not 'fi'"),
    ],
)
async def test_what_a_model_does_not_have_is_told_with_what_is_near(
    fields: dict[str, Any], told: str, settings: Settings, tmp_path: Path
) -> None:
    async with speaking(settings, tmp_path, fields["model"]) as home:
        with pytest.raises(InvalidRequest, match=told):
            await spoken(home, text="Hello", **fields)


async def test_a_megabyte_begins_at_once_and_can_be_stopped(settings: Settings) -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 23_000
    async with open_async(settings) as home:
        request = Speak(model="espeak", text=text[: 2**20])
        async with home.node.perform(request) as events:
            async for event in events:
                if isinstance(event, SpokenAudio):
                    break
        _, sound = await spoken(home, model="espeak", text="The slot is free.")
    assert sound


async def test_a_sentence_that_takes_long_ends_with_its_request(tmp_path: Path) -> None:
    folder = write_kokoro(tmp_path, steps=20_000)
    names = {"weights": "model.onnx", "voices": "voices.npz", "vocabulary": "vocab.json"}
    files = {role: [str(folder / name)] for role, name in names.items()}
    session = KokoroEngine().open(LoadSpec(engine="kokoro", model="slow", files=files, threads=1))
    request = Speak(model="slow", text="a long sentence " * 25)
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def emit(event: Event) -> None:
        loop.call_soon_threadsafe(begun.set)

    work = asyncio.create_task(asyncio.to_thread(session.perform, request, emit))
    await begun.wait()
    session.stop(request)
    with pytest.raises(Cancelled):
        await work


async def test_the_home_gives_a_file_piece_by_piece(settings: Settings) -> None:
    async with open_async(settings) as home:
        pieces = [piece async for piece in home.speak("One. Two.", format="wav")]
        listed = [piece async for piece in home.speak(["On", "e. Tw", "o."], format="wav")]
    assert b"".join(pieces)[:4] == b"RIFF"
    assert len(b"".join(listed)) == pytest.approx(len(b"".join(pieces)), rel=0.01)
