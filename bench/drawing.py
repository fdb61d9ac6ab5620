"""Pictures through a node against the bare pipeline, in pairs.

``python -m bench.drawing [--steps N] [--side PIXELS] [--pairs N]``: a Stable Diffusion of random
weights (6 million), drawn by diffusers in this process and by a node in turn, with as many
threads. Wanted: the same pixels, and at most 2 % more time.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from PIL import Image
from tests.engines.tiny_diffusion import pipeline

import ingle
from ingle.engines.engine import cores

WANTED = 1.02
WIDTHS = (64, 128)
PROMPT, SEED = "a lighthouse in a storm", 11


def bare(model: Any, steps: int, side: int) -> Image.Image:
    found: Image.Image = model(
        PROMPT,
        num_inference_steps=steps,
        width=side,
        height=side,
        generator=torch.Generator("cpu").manual_seed(SEED),
    ).images[0]
    return found


async def measure(steps: int, side: int, count: int) -> bool:
    torch.set_num_threads(cores())
    with TemporaryDirectory(prefix="ingle-drawing-") as name:
        model = pipeline(Path(name), 0, widths=WIDTHS, side=side)
        model.set_progress_bar_config(disable=True)
        folder = Path(name) / "random"
        model.save_pretrained(folder)
        model = type(model).from_pretrained(folder)
        model.set_progress_bar_config(disable=True)
        places = {"state_dir": f"{name}/state", "models_dir": f"{name}/models"}
        async with ingle.open_async(**places) as home:
            await home.pull("random", source=str(folder))
            asked: dict[str, Any] = {"seed": SEED, "width": side, "height": side}
            await home.imagine(PROMPT, "random", steps=1, **asked)
            bare(model, 1, side)
            ratios, same = [], True
            for _ in range(count):
                began = time.perf_counter()
                wanted = bare(model, steps, side)
                between = time.perf_counter()
                (picture,) = await home.imagine(PROMPT, "random", steps=steps, **asked)
                ended = time.perf_counter()
                ratios.append((ended - between) / (between - began))
                drawn = Image.open(io.BytesIO(picture.data))
                same = same and drawn.tobytes() == wanted.tobytes()
                print(f"drawing: bare {between - began:.2f} s, node {ended - between:.2f} s")
    ratio = statistics.median(ratios)
    print(f"drawing: {ratio:.3f} of the bare pipeline's time, the same pixels: {same}")
    return same and ratio <= WANTED


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--pairs", type=int, default=7)
    chosen = parser.parse_args()
    held = asyncio.run(measure(chosen.steps, chosen.side, chosen.pairs))
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
