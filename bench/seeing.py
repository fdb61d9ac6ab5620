"""Images in chats, measured on the tiny model that sees (`recipes.shapes`).

``python -m bench.seeing FOLDER [GROUP ...]``: FOLDER holds its two files. Groups:

    right     questions about held-out drawings, through ``/v1/chat/completions``, half of them
              about one picture of two; wanted: >= 95 % right
    twice     the same picture again: tokens that are read anew, and the time to the first word
    decoding  what our own decoding takes of a request, by the size of the picture
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import random
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from PIL import Image
from recipes.shapes.drawings import Drawing, drawing, questions

import ingle
from ingle.config import Settings
from ingle.engines.llama.prompt_images import data_url

from .faces import served

HELD_OUT = 40_000_000
"""The seed of the drawings that are asked about."""
DRAWINGS = 150
ASKED = 2
"""Questions of each drawing, or pair."""
WANTED = 0.95
TIMES = 9
SIZES = ((64, 64), (1024, 768), (4032, 3024))


def url(image: Image.Image, kind: str = "PNG") -> str:
    """As OpenAI's clients send it."""
    file = io.BytesIO()
    image.save(file, kind)
    data = base64.b64encode(file.getvalue()).decode()
    return f"data:image/{kind.lower()};base64,{data}"


def shown(picture: str) -> dict[str, Any]:
    """The part of a message that a picture is."""
    return {"type": "image_url", "image_url": {"url": picture}}


class Asking:
    """A server, asked as others' programs ask it."""

    def __init__(self, address: tuple[str, int], model: str = "shapes") -> None:
        self._model = model
        self._url = f"http://{address[0]}:{address[1]}/v1/chat/completions"
        self._client = httpx.AsyncClient(timeout=120)

    async def answer(
        self, parts: list[dict[str, Any]], question: str
    ) -> tuple[str, dict[str, Any]]:
        """What the model says, and the usage."""
        content = [*parts, {"type": "text", "text": question}]
        messages = [{"role": "user", "content": content}]
        body = {"model": self._model, "messages": messages, "temperature": 0}
        reply = await self._client.post(self._url, json=body)
        reply.raise_for_status()
        found = reply.json()
        return found["choices"][0]["message"]["content"], found["usage"]


async def right(asking: Asking) -> bool:
    shares = []
    for count, names in ((1, ("",)), (2, ("first", "second"))):
        rng = random.Random(HELD_OUT + count)
        good: Counter[str] = Counter()
        every: Counter[str] = Counter()
        for _ in range(DRAWINGS):
            scenes: list[Drawing] = [drawing(rng) for _ in range(count)]
            pictures = [shown(url(scene.image(rng.choice((64, 128, 256))))) for scene in scenes]
            asked = [
                each
                for scene, name in zip(scenes, names, strict=True)
                for each in questions(scene, name)
            ]
            for each in rng.sample(asked, ASKED):
                kind = " ".join(each.text.split()[:2])
                every[kind] += 1
                good[kind] += (await asking.answer(pictures, each.text))[0].strip() == each.answer
        share = good.total() / every.total()
        shares.append(share)
        by_kind = ", ".join(f"{kind} {good[kind]}/{every[kind]}" for kind in every)
        print(
            f"right, {count} pictures: {good.total()} of {every.total()} ({share:.1%}): {by_kind}"
        )
    return statistics.mean(shares) >= WANTED


async def twice(asking: Asking) -> bool:
    scene = drawing(random.Random(1))
    picture = shown(url(scene.image(256)))
    first, later = [q.text for q in questions(scene)[:2]]
    for name, pictures, question in (
        ("new", [picture], first),
        ("the same question", [picture], first),
        ("another question", [picture], later),
        ("another picture", [shown(url(drawing(random.Random(2)).image(256)))], later),
    ):
        began = time.perf_counter()
        _, usage = await asking.answer(pictures, question)
        spent = time.perf_counter() - began
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        print(
            f"twice, {name}: {usage['prompt_tokens']} tokens, {cached} cached, {spent * 1e3:.0f} ms"
        )
    return True


async def decoding(asking: Asking) -> bool:
    for size in SIZES:
        for kind in ("PNG", "JPEG"):
            noise = Image.effect_noise((size[0] // 8, size[1] // 8), 90).convert("RGB")
            file = io.BytesIO()
            noise.resize(size, Image.Resampling.BICUBIC).save(file, kind)
            spent = []
            for _ in range(TIMES):
                began = time.process_time()
                data_url(file.getvalue(), "it")
                spent.append(time.process_time() - began)
            print(
                f"decoding, {kind} {size[0]}x{size[1]}: {statistics.median(spent) * 1e3:.1f} CPU-ms"
            )
    return True


GROUPS = {"right": right, "twice": twice, "decoding": decoding}


async def measure(folder: Path, wanted: list[str]) -> bool:
    with TemporaryDirectory(prefix="ingle-seeing-") as name:
        settings = Settings(state_dir=f"{name}/state", models_dir=f"{name}/models")
        async with ingle.open_async(settings) as home:
            await home.pull("shapes", source=str(folder.resolve()))
        held = True
        async with served(settings) as address:
            asking = Asking(address)
            for group in wanted:
                held = await GROUPS[group](asking) and held
        return held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("groups", nargs="*", metavar="GROUP")
    chosen = parser.parse_args()
    sys.exit(0 if asyncio.run(measure(chosen.folder, chosen.groups or list(GROUPS))) else 1)


if __name__ == "__main__":
    main()
