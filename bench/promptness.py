"""How soon it lets go: of a client that left, of a prompt, of a huge body, of a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import httpx

from bench.faces import served
from bench.speed import Figure
from ingle.client.connect import environment
from ingle.config import Settings
from ingle.errors import IngleError
from ingle.models.embedded import embedded_files
from ingle.models.gguf import read_header

REPEAT = 5
LONG = {"model": "ember", "stream": True, "max_tokens": 3000, "ignore_eos": True}
BODY = 100 * 2**20


async def promptness(folder: Path) -> list[Figure]:
    """All figures; each is the median of some."""
    settings = Settings(
        state_dir=str(folder / "prompt"), models_dir=str(folder / "empty"), context=4096
    )
    words = " ".join(str(number) for number in range(900))
    async with (
        served(settings) as (host, port),
        httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=60) as client,
    ):
        left = statistics.median(
            [await _left(client, "Count from 1 to 1000.") for _ in range(REPEAT)]
        )
        prompt = statistics.median([await _left(client, words, first=False) for _ in range(REPEAT)])
        body = await _refused(client)
    ended = statistics.median(_interrupted(settings) for _ in range(REPEAT))
    header = _fuzzed(folder / "fuzzed.gguf")
    return [
        Figure("client gone to free slot, ms", 1000 * left, "< 200", left < 0.2),
        Figure("client gone in prefill to free slot, s", prompt, "< 5", prompt < 5),
        Figure("a body of 100 MiB is refused, s", body, "< 10", body < 10),
        Figure("Ctrl-C to the end of ingle run, s", ended, "< 2", ended < 2),
        Figure("slowest of 2,000 damaged headers, s", header, "< 2", header < 2),
    ]


async def _left(client: httpx.AsyncClient, text: str, *, first: bool = True) -> float:
    """Seconds from a client's leaving (after the first event, or before it) to no active slot."""
    body = {**LONG, "messages": [{"role": "user", "content": text}]}
    async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
        if first:
            async for _ in answer.aiter_lines():
                break
        else:
            while await _active(client) == 0:
                await asyncio.sleep(0.001)
    began = time.perf_counter()
    while await _active(client):
        await asyncio.sleep(0.001)
    return time.perf_counter() - began


async def _active(client: httpx.AsyncClient) -> int:
    text = (await client.get("/metrics")).text
    line = next(line for line in text.splitlines() if line.startswith("ingle_slots_active "))
    return int(float(line.split()[1]))


async def _refused(client: httpx.AsyncClient) -> float:
    began = time.perf_counter()
    with contextlib.suppress(httpx.WriteError):  # refused while it was sent
        answer = await client.post("/v1/chat/completions", content=b" " * BODY)
        assert answer.status_code == 413, answer.status_code
    return time.perf_counter() - began


def _interrupted(settings: Settings) -> float:
    """Seconds from Ctrl-C in the middle of an answer to the end of the command."""
    command = ["run", "ember", "Count from 1 to 1000.", "--max-tokens", "3000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ingle.cli.main", *command],
        env=environment(settings), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.read(1)
    began = time.perf_counter()
    os.killpg(process.pid, signal.SIGINT)
    process.wait()
    process.stdout.close()
    return time.perf_counter() - began


def _fuzzed(path: Path) -> float:
    """Seconds of the slowest header of a real model with some bytes changed."""
    draw = random.Random(0)
    good = bytearray(embedded_files()["ember"].read_bytes()[: 2**20])
    slowest = 0.0
    for _ in range(2000):
        bad = bytearray(good)
        for _ in range(draw.randint(1, 8)):
            bad[draw.randrange(4096)] = draw.randrange(256)
        path.write_bytes(bad)
        began = time.perf_counter()
        with contextlib.suppress(IngleError):
            read_header(path)
        slowest = max(slowest, time.perf_counter() - began)
    return slowest
