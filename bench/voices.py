"""Voices with true weights, measured.

``python -m bench.voices FOLDER [GROUP ...]``: FOLDER is what `tests.real.speech_weights` fetches
(``.real/speech``). Groups:

    first   from the request to the first sound of a short sentence, model loaded; wanted: espeak
            and Piper <= 150 ms, Kokoro <= 600 ms
    rate    seconds of work for each second of sound, on a text of ten sentences
    same    a hundred sentences (Kokoro: 25): the samples of the bare engine and of the node, byte
            by byte
    talk    a question by voice, answered aloud: from its last word to the first sound, by stage;
            wanted: <= 1.5 s
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import ingle
from ingle.capabilities.speak.operation import Speak, Spoken, SpokenAudio
from ingle.capabilities.talk.talking import AnswerHeard, Heard
from ingle.capabilities.talk.wav_sound import WavSound
from ingle.client.home import AsyncHome
from ingle.engines.declarations import load_engine
from ingle.engines.engine import LoadSpec
from ingle.models.embedded import embedded_files
from ingle.models.formats import find
from ingle.operations import Event
from ingle.sound.loudspeaker import WavSpeaker

MODELS = {"piper": "piper", "kokoro": "kokoro", "whisper:tiny.en": "ggml-tiny.bin"}
VOICES = ("espeak", "piper", "kokoro")
WANTED_MS = {"espeak": 150, "piper": 150, "kokoro": 600}
SHORT = "Hello there."
TIMES = 9
TEXT = (
    "The train to Chicago leaves at nine in the morning. It takes about four hours, and there is a "
    "stop in Milwaukee. Margaret bought fourteen apples and a loaf of bread. Nobody knew why the "
    "light had gone out. The old house on the hill was sold last week. Please bring your own "
    "chair. We have never seen so much snow in April. The doctor asked him to rest for three "
    "days. Two ships were waiting outside the harbour. That is all there is to say about it."
)
QUESTION = "What does grep minus i do?"
COMPARED = {"espeak": 100, "piper": 100, "kokoro": 25}
"""Of the sentences."""
SENTENCES = [
    f"{who} {did} {what}."
    for who in ("The captain", "My sister", "An old friend", "The teacher", "Nobody")
    for did in ("saw", "bought", "forgot", "painted")
    for what in ("the red boat", "nine pears", "a letter", "the gate", "her hat")
]


@asynccontextmanager
async def opened(folder: Path, wanted: tuple[str, ...]) -> AsyncIterator[AsyncHome]:
    """A node of its own with the models."""
    with TemporaryDirectory(prefix="ingle-voices-") as name:
        places = {"state_dir": f"{name}/state", "models_dir": f"{name}/models"}
        async with ingle.open_async(**places) as home:
            for model in wanted:
                if model in MODELS:
                    await home.pull(model, source=str(folder / MODELS[model]))
            yield home


async def spoken(home: AsyncHome, model: str, text: str) -> tuple[float, float, bytes, Spoken]:
    """Seconds to the first sound and to the last, the samples, and what was told."""
    request = Speak(model=model, text=text, format="pcm", language="en-us")
    began, first, sound = time.perf_counter(), 0.0, b""
    async for event in home.events(request):
        if isinstance(event, SpokenAudio):
            first = first or time.perf_counter() - began
            sound += event.data
        elif isinstance(event, Spoken):
            told = event
    return first, time.perf_counter() - began, sound, told


async def first(folder: Path) -> None:
    async with opened(folder, VOICES) as home:
        for model in VOICES:
            await spoken(home, model, SHORT)
            found = [(await spoken(home, model, SHORT))[0] * 1000 for _ in range(TIMES)]
            print(
                f"{model}: first sound after {statistics.median(found):.0f} ms, at best "
                f"{min(found):.0f} (wanted <= {WANTED_MS[model]})",
                flush=True,
            )


async def rate(folder: Path) -> None:
    async with opened(folder, VOICES) as home:
        for model in VOICES:
            await spoken(home, model, SHORT)
            found = []
            for _ in range(3):
                _, seconds, _, told = await spoken(home, model, TEXT)
                found.append(seconds / told.duration_s)
            print(f"{model}: {statistics.median(found):.3f} s for each second", flush=True)


def bare(folder: Path, model: str) -> Iterator[bytes]:
    """The samples of each sentence, by the engine alone in this process."""
    path = folder / MODELS[model] if model in MODELS else embedded_files()[model]
    found = find(path)
    files = {role: [str(file)] for role, file in found.files}
    spec = LoadSpec(engine=found.format.name, model=model, files=files, role="speak", slots=4)
    session = load_engine(found.format.name).open(spec)
    for sentence in SENTENCES[: COMPARED[model]]:
        heard: list[Event] = []
        request = Speak(model=model, text=sentence, format="pcm", language="en-us")
        session.perform(request, heard.append)
        yield b"".join(event.data for event in heard if isinstance(event, SpokenAudio))


async def same(folder: Path) -> None:
    async with opened(folder, VOICES) as home:
        for model in VOICES:
            equal = 0
            asked = SENTENCES[: COMPARED[model]]
            for sentence, alone in zip(asked, bare(folder, model), strict=True):
                _, _, sound, _ = await spoken(home, model, sentence)
                equal += sound == alone
            print(f"{model}: the same samples {equal}/{len(asked)} (wanted all)", flush=True)


async def talk(folder: Path) -> None:
    async with opened(folder, (*VOICES, "whisper:tiny.en")) as home:
        _, _, sound, told = await spoken(home, "piper", QUESTION)
        for voice in ("espeak", "piper"):
            with TemporaryDirectory(prefix="ingle-talk-") as name:
                question = Path(name) / "question.wav"
                _write(question, told.rate, sound)
                for _ in range(TIMES // 2):
                    await _asked(home, question, Path(name) / "answer.wav", voice)


async def _asked(home: AsyncHome, question: Path, answer: Path, voice: str) -> None:
    source = WavSound(question)
    async for event in home.talk(
        source.pieces(), WavSpeaker(answer), transcribe_model="whisper:tiny.en", model="ember",
        speech_model=voice, language="en-us", sound_rate=source.rate, max_tokens=60,
    ):  # fmt: skip
        if isinstance(event, Heard):
            print(f"    {event.text}")
        elif isinstance(event, AnswerHeard):
            print(
                f"{voice}: {event.total_s:.2f} s (wanted <= 1.5): pause {event.pause_s:.2f}, "
                f"transcribe {event.transcribe_s:.2f}, chat {event.chat_s:.2f}, "
                f"sentence {event.sentence_s:.2f}, speak {event.speak_s:.2f}",
                flush=True,
            )


def _write(path: Path, rate_of: int, sound: bytes) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_of)
        file.writeframes(bytes(rate_of) + sound + bytes(4 * rate_of))


GROUPS = {"first": first, "rate": rate, "same": same, "talk": talk}


def main() -> None:
    given = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    given.add_argument("folder", type=Path)
    given.add_argument("groups", nargs="*", metavar="GROUP")
    chosen = given.parse_args()
    if unknown := set(chosen.groups) - set(GROUPS):
        sys.exit(f"no such group: {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    for name in chosen.groups or GROUPS:
        print(f"{name}:", flush=True)
        asyncio.run(GROUPS[name](chosen.folder))


if __name__ == "__main__":
    main()
