"""Ears and voices with true weights, measured.

``python -m bench.speech FOLDER [GROUP ...]``: FOLDER is what `tests.real.speech_weights` fetches
(``.real/speech``). Groups:

    heard     sixty sentences are spoken by a voice and heard by a recogniser: word error
    same      a hundred clips: the text of the bare engine and of the node, letter by letter
    overhead  a recording of a minute: time through the node against the bare engine, in pairs
    together  two recordings at once against one after the other
    pauses    a recording with pauses: only speech is heard, against all of it
    delegated a recording of a minute heard by a paired device, whose owner hears it in turn
    live      phrases as they are said: from the end of one to its final text, and between texts
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import statistics
import sys
import time
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

import ingle
from bench.word_error import word_error, words
from ingle.capabilities.transcribe.operation import SpeechTurn, TranscriptSegment
from ingle.client.home import AsyncHome

RATE = 16_000
SENTENCES = Path(__file__).with_name("sentences.txt")
BASE, TINY = "whisper:base", "whisper:tiny.en"
MODELS = {
    BASE: "ggml-base.bin",
    TINY: "ggml-tiny.bin",
    "faster-whisper:base": "whisper-base-ct2",
    "piper": "piper",
    "kokoro": "kokoro",
}
WANTED = {TINY: 0.12, BASE: 0.06, "faster-whisper:base": 0.06}
PAIRS = 5
Samples = npt.NDArray[np.float32]


def sentences() -> list[str]:
    return SENTENCES.read_text().splitlines()


@asynccontextmanager
async def opened(
    folder: Path, wanted: list[str], threads: int | None = None, name: str = ""
) -> AsyncIterator[AsyncHome]:
    """A node of its own with the models. With a ``name`` it can be paired with."""
    with TemporaryDirectory(prefix="ingle-speech-") as place:
        places: dict[str, Any] = {"state_dir": f"{place}/state", "models_dir": f"{place}/models"}
        if name:
            places |= {
                "device_name": name,
                "peer_host": "127.0.0.1",
                "peer_port": 0,
                "nearby": False,
            }
        if threads:
            places["threads"] = threads
        async with ingle.open_async(**places) as home:
            for model in wanted:
                await home.pull(model, source=str(folder / MODELS[model]))
            yield home


async def spoken(home: AsyncHome, text: str, voice: str) -> bytes:
    """A text as a file, at the rate that recognisers hear at."""
    return b"".join([piece async for piece in home.speak(text, voice, rate=RATE)])


def samples_of(file: bytes) -> Samples:
    with wave.open(io.BytesIO(file)) as opened_file:
        data = opened_file.readframes(opened_file.getnframes())
    if not data:  # a file that was written as a stream does not say how long it is
        data = file[44:]
    return np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float32) / 32768


def written(path: Path, samples: Samples) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


async def clips(home: AsyncHome, voice: str, folder: Path) -> list[tuple[str, Path]]:
    """Every sentence with a recording of it."""
    found = []
    for number, text in enumerate(sentences()):
        path = folder / f"{voice.partition(':')[0]}-{number}.wav"
        if not path.exists():
            written(path, samples_of(await spoken(home, text, voice)))
        found.append((text, path))
    return found


async def heard(folder: Path, clip_folder: Path) -> None:
    ears = [model for model in WANTED if (folder / MODELS[model]).exists()]
    # What is heard does not hang on the cores; on a busy machine, one takes less time than two.
    async with opened(folder, ["piper", "kokoro", *ears], threads=1) as home:
        for voice in ("piper", "kokoro"):
            recordings = await clips(home, voice, clip_folder)
            for ear in ears:
                pairs = []
                for text, path in recordings:
                    answer = await home.transcribe(path, ear, language="en")
                    pairs.append((text, answer.text))
                error = word_error(pairs)
                print(f"{voice} -> {ear}: {error:.1%} (wanted <= {WANTED[ear]:.0%})", flush=True)
                for said, answer in pairs:
                    if words(said) != words(answer):
                        print(f"    said  {said}\n    heard {answer}")


def bare(path: Path, threads: int = 1) -> Any:
    """The engine's own binding, with the parameters that the node gives it."""
    from pywhispercpp.model import Model

    return Model(
        str(path), n_threads=threads, print_progress=False, suppress_nst=True, language="en",
        redirect_whispercpp_logs_to=None,
    )  # fmt: skip


def bare_text(model: Any, samples: Samples) -> str:
    return " ".join(segment.text.strip() for segment in model.transcribe(samples))


async def same(folder: Path, clip_folder: Path) -> None:
    async with opened(folder, ["piper", TINY], threads=1) as home:
        recordings = [path for _, path in await clips(home, "piper", clip_folder)]
        recordings += [path for _, path in await clips(home, "espeak", clip_folder)][:40]
        model, equal = bare(folder / MODELS[TINY]), 0
        for path in recordings:
            answer = await home.transcribe(path, TINY, language="en", vad=False)
            text = bare_text(model, samples_of(path.read_bytes()))
            equal += text.split() == answer.text.split()
            if text.split() != answer.text.split():
                print(f"    bare {text}\n    node {answer.text}")
        print(f"the same text: {equal}/{len(recordings)} (wanted all)", flush=True)


async def minute(home: AsyncHome, clip_folder: Path, pause_s: float = 0.2) -> Samples:
    """A minute of speech, with pauses between its sentences."""
    pause, parts = np.zeros(int(pause_s * RATE), np.float32), []
    for _, path in await clips(home, "piper", clip_folder):
        parts += [samples_of(path.read_bytes()), pause]
        if sum(map(len, parts)) > 60 * RATE:
            break
    return np.concatenate(parts)[: 60 * RATE]


async def timed(work: Callable[[], Awaitable[Any]]) -> float:
    start = time.perf_counter()
    await work()
    return time.perf_counter() - start


async def overhead(folder: Path, clip_folder: Path) -> None:
    async with opened(folder, ["piper", BASE]) as home:
        samples = await minute(home, clip_folder)
        path = written(clip_folder / "minute.wav", samples)
        model, ratios = bare(folder / MODELS[BASE], os.cpu_count() or 1), []

        async def ours() -> None:
            await home.transcribe(path, BASE, language="en", vad=False)

        async def theirs() -> None:
            await asyncio.to_thread(bare_text, model, samples)

        await ours()
        await theirs()
        for number in range(PAIRS):
            order = (ours, theirs) if number % 2 else (theirs, ours)
            found = {one.__name__: await timed(one) for one in order}
            ratios.append(found["ours"] / found["theirs"])
            print(f"    node {found['ours']:.2f} s, bare {found['theirs']:.2f} s", flush=True)
        print(f"node over bare: {statistics.median(ratios):.3f} (wanted <= 1.03)", flush=True)


async def together(folder: Path, clip_folder: Path) -> None:
    async with opened(folder, ["piper", BASE]) as home:
        samples = await minute(home, clip_folder)
        paths = [written(clip_folder / f"two-{n}.wav", samples[n * 8000 :]) for n in range(2)]

        async def one(path: Path) -> None:
            await home.transcribe(path, BASE, language="en", vad=False)

        async def both() -> None:
            await asyncio.gather(*map(one, paths))

        async def in_turn() -> None:
            for path in paths:
                await one(path)

        await both()
        ratios = []
        for number in range(PAIRS):
            order = (both, in_turn) if number % 2 else (in_turn, both)
            found = {each.__name__: await timed(each) for each in order}
            ratios.append(found["in_turn"] / found["both"])
            print(
                f"    at once {found['both']:.2f} s, in turn {found['in_turn']:.2f} s", flush=True
            )
        print(f"two at once: {statistics.median(ratios):.2f}x (wanted >= 1.6)", flush=True)


async def delegated(folder: Path, clip_folder: Path) -> None:
    """Both devices are here, on loopback; what the second one costs runs on the same cores."""
    async with (
        opened(folder, ["piper", BASE], name="desk") as there,
        opened(folder, [], name="laptop") as here,
    ):
        path = written(clip_folder / "minute.wav", await minute(there, clip_folder))
        await here.join((await there.invite(preset="family")).code)

        async def borrowed() -> None:
            await here.transcribe(path, BASE, language="en", on="desk")

        async def local() -> None:
            await there.transcribe(path, BASE, language="en")

        await borrowed()
        ratios = []
        for number in range(PAIRS):
            order = (borrowed, local) if number % 2 else (local, borrowed)
            found = {each.__name__: await timed(each) for each in order}
            ratios.append(found["local"] / found["borrowed"])
            print(f"    there {found['borrowed']:.2f} s, local {found['local']:.2f} s", flush=True)
        print(
            f"speed there over local: {statistics.median(ratios):.3f} (wanted >= 0.95)", flush=True
        )


async def pauses(folder: Path, clip_folder: Path) -> None:
    async with opened(folder, ["piper", BASE]) as home:
        parts, pause = [], np.zeros(4 * RATE, np.float32)
        for _, path in (await clips(home, "piper", clip_folder))[:20]:
            parts += [samples_of(path.read_bytes()), pause]
        path = written(clip_folder / "pauses.wav", np.concatenate(parts))

        async def found_first() -> None:
            await home.transcribe(path, BASE, language="en")

        async def plain() -> None:
            await home.transcribe(path, BASE, language="en", vad=False)

        await found_first()
        ratios = []
        for number in range(PAIRS):
            order = (found_first, plain) if number % 2 else (plain, found_first)
            found = {each.__name__: await timed(each) for each in order}
            ratios.append(found["plain"] / found["found_first"])
            print(f"    {found['found_first']:.2f} s, plain {found['plain']:.2f} s", flush=True)
        print(f"speech found first: {statistics.median(ratios):.2f}x (wanted >= 1.3)", flush=True)


async def live(folder: Path, clip_folder: Path) -> None:
    """Tiny, in real time. A phrase has ended when its pause has been half a second long."""
    async with opened(folder, ["piper", TINY]) as home:
        parts, pause = [], np.zeros(RATE, np.float32)
        for _, path in (await clips(home, "piper", clip_folder))[:20]:
            parts += [samples_of(path.read_bytes()), pause]
        sound = (np.concatenate(parts) * 32767).astype("<i2").tobytes()
        step = RATE // 20 * 2

        async def said() -> AsyncIterator[bytes]:
            start = time.perf_counter()
            for at in range(0, len(sound), step):
                await asyncio.sleep(max(0.0, start + at / 2 / RATE - time.perf_counter()))
                yield sound[at : at + step]

        ends, finals, gaps, last = dict[int, float](), [], [], 0.0
        async for event in home.transcription(said(), TINY, language="en"):
            now = time.perf_counter()
            if isinstance(event, SpeechTurn) and event.state == "ended":
                ends[event.id] = now
            elif isinstance(event, SpeechTurn):
                last = now
            elif isinstance(event, TranscriptSegment):
                if event.final:
                    finals.append(now - ends[event.id])
                else:
                    gaps.append(now - last)
                last = now
        final, gap = 1000 * statistics.median(finals), 1000 * statistics.median(gaps)
        print(f"end of a phrase to its final text: {final:.0f} ms (wanted <= 300)", flush=True)
        print(f"    the slowest of {len(finals)}: {1000 * max(finals):.0f} ms", flush=True)
        print(f"between texts that grow: {gap:.0f} ms (wanted <= 500)", flush=True)


GROUPS = {
    "heard": heard, "same": same, "overhead": overhead, "together": together, "pauses": pauses,
    "delegated": delegated, "live": live,
}  # fmt: skip


def main() -> None:
    given = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    given.add_argument("folder", type=Path)
    given.add_argument("groups", nargs="*", metavar="GROUP")
    chosen = given.parse_args()
    if unknown := set(chosen.groups) - set(GROUPS):
        sys.exit(f"no such group: {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    with TemporaryDirectory(prefix="ingle-clips-") as clip_folder:
        for name in chosen.groups or GROUPS:
            print(f"{name}:", flush=True)
            asyncio.run(GROUPS[name](chosen.folder, Path(clip_folder)))


if __name__ == "__main__":
    main()
