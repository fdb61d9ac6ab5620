"""Reading pages: character error in reading order, and what ingle adds to the bare engine.

``python -m bench.ocr`` makes the pages (`recipes.pages`), reads each with ingle and with the bare
engine, and prints both errors. White space does not count; order does. Then it reads a full page
with both in turn, as many times as ``--rounds`` says, and prints the ratio of their times. Both
have the same threads and begin with the same file. ``--model tesseract`` compares with that
program.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
from PIL import Image
from recipes.pages.character_error import character_error
from recipes.pages.pictures import full_page, pages

import ingle
from ingle.capabilities.node.operation import NodeStatus, StatusReport
from ingle.client.home import AsyncHome
from ingle.config import Settings
from ingle.operations.blob import Blob

Bare = Callable[[Path], str]


def bare_rapidocr(threads: int) -> Bare:
    """RapidOCR as its documentation calls it."""
    from rapidocr import RapidOCR

    key = "EngineConfig.onnxruntime.intra_op_num_threads"
    engine = RapidOCR(params={"Global.log_level": "error", key: threads})

    def read(path: Path) -> str:
        pixels = np.asarray(Image.open(path).convert("RGB"))
        return "\n".join(engine(np.ascontiguousarray(pixels[:, :, ::-1])).txts or ())

    return read


def bare_tesseract(threads: int) -> Bare:
    """The program as its manual calls it."""

    def read(path: Path) -> str:
        command = ["tesseract", str(path), "-", "--psm", "1"]
        return subprocess.run(
            command, capture_output=True, text=True, check=True,
            env={"PATH": "/usr/bin:/bin", "OMP_THREAD_LIMIT": str(threads)},
        ).stdout  # fmt: skip

    return read


async def measure(model: str, rounds: int, threads: int, *, errors: bool) -> None:
    """Print everything."""
    bare = {"rapidocr": bare_rapidocr, "tesseract": bare_tesseract}[model](threads)
    with TemporaryDirectory(prefix="ingle-bench-") as name:
        folder = Path(name)
        settings = Settings(
            state_dir=str(folder / "state"), models_dir=str(folder / "models"), threads=threads
        )
        async with ingle.open_async(settings) as home:
            if errors:
                print(f"{'page':<14} {'ingle':>7} {'bare':>7}  limit")
            for page in pages() if errors else ():
                path = folder / "page.png"
                page.image.save(path)
                stands = "".join(page.lines)
                ours = character_error(stands, (await home.ocr(path, model)).text)
                theirs = character_error(stands, bare(path))
                print(f"{page.name:<14} {ours:7.2%} {theirs:7.2%}  {page.most_errors:.0%}")
            path = folder / "full.png"
            full_page().save(path)
            blob = await home.put_blob(path)
            await full_pages(home, model, blob, lambda: bare(path), rounds)


async def full_pages(
    home: AsyncHome, model: str, blob: Blob, bare: Callable[[], str], rounds: int
) -> None:
    """A full page by both in turn: wall time, and processor time of all that takes part."""
    await home.ocr(blob, model)
    bare()
    (worker,) = (await home.ask(NodeStatus(), StatusReport)).workers
    process = psutil.Process(worker.pid)
    walls, cpus = [], []
    for _ in range(rounds):
        began, used = time.perf_counter(), _cpu(process)
        await home.ocr(blob, model)
        between, then = time.perf_counter(), _cpu(process)
        bare()
        ended, after = time.perf_counter(), _cpu(process)
        walls.append((between - began, ended - between))
        cpus.append((then - used, after - then))
    for name, pairs in (("wall", walls), ("processor", cpus)):
        ours, theirs = (statistics.median(each) for each in zip(*pairs, strict=True))
        ratio = statistics.median(one / other for one, other in pairs)
        print(
            f"full page, {name}: {ours:.3f} s, bare {theirs:.3f} s; paired, median of {rounds}: "
            f"{ratio - 1:+.1%}"
        )


def _cpu(worker: psutil.Process) -> float:
    """Seconds of this process and of what it has started, the worker in its sandbox among it."""
    mine = os.times()
    used = mine.user + mine.system + mine.children_user + mine.children_system
    for process in (worker, *worker.children(recursive=True)):
        times = process.cpu_times()
        used += times.user + times.system + times.children_user + times.children_system
    return used


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=("rapidocr", "tesseract"), default="rapidocr")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-errors", action="store_true", help="only the full page's time")
    given = parser.parse_args()
    asyncio.run(measure(given.model, given.rounds, given.threads, errors=not given.no_errors))


if __name__ == "__main__":
    main()
