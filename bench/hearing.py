"""Sound in chats, measured on the tiny model that hears (`recipes.hearing`).

``python -m bench.hearing FOLDER``: FOLDER holds its two files. Asks all questions about held-out
clips through ``/v1/chat/completions``, as WAV, FLAC and MP3; wanted: >= 95 % right.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from recipes.digits.spoken import clips
from recipes.hearing.conversations import MOST_WORDS, questions

import ingle
from ingle.config import Settings
from ingle.sound.encode import encoder
from ingle.sound.samples import RATE

from .faces import served
from .seeing import Asking

HELD_OUT = 40_000_000
"""The seed of the clips that are asked about."""
CLIPS = 150
WANTED = 0.95
FORMS = ("wav", "flac", "mp3")


async def right(asking: Asking) -> bool:
    good: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for number, clip in enumerate(clips(CLIPS, HELD_OUT, MOST_WORDS)):
        form = FORMS[number % len(FORMS)]
        made = encoder(form, RATE)  # type: ignore[arg-type]
        data = made.add((clip.samples * 32767).astype("<i2").tobytes()) + made.finish()
        sound = {"data": base64.b64encode(data).decode(), "format": form}
        for each in questions(clip):
            answer, _ = await asking.answer(
                [{"type": "input_audio", "input_audio": sound}], each.text
            )
            for kind in (each.text, form):
                every[kind] += 1
                good[kind] += answer.strip() == each.answer
    for kind in every:
        print(f"{kind} {good[kind]} of {every[kind]}")
    share = good.total() / every.total()
    print(f"right: {share:.1%} (wanted: {WANTED:.0%})")
    return share >= WANTED


async def measure(folder: Path) -> bool:
    with TemporaryDirectory(prefix="ingle-hearing-") as name:
        settings = Settings(state_dir=f"{name}/state", models_dir=f"{name}/models")
        async with ingle.open_async(settings) as home:
            await home.pull("hearing", source=str(folder.resolve()))
        async with served(settings) as address:
            return await right(Asking(address, "hearing"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args()
    sys.exit(0 if asyncio.run(measure(chosen.folder)) else 1)


if __name__ == "__main__":
    main()
