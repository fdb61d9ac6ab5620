"""Decode, prefill, concurrency, first token and prefix reuse, against the bare engine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from bench.bare import Bare
from bench.faces import background, over_http, over_node, served, small_answers
from bench.measure import Runner, Work, pairs
from ingle.capabilities.complete.operation import Complete
from ingle.config import Settings
from ingle.engines.engine import LoadSpec
from ingle.engines.process import WorkerProcess
from ingle.models.store import Store
from ingle.operations import Sampling

CONTEXT = 1024


class Figure(NamedTuple):
    """One measured figure against what must hold."""

    name: str
    value: float
    hold: str
    holds: bool
    note: str = ""


class Size(NamedTuple):
    """How much work a model of this size is given."""

    decode: int
    prefill: int
    pairs: int
    least: float
    """The ratio that decode and prefill must hold."""


async def speed(path: Path, label: str, size: Size, folder: Path) -> list[Figure]:
    """All figures of one model."""
    settings = Settings(
        state_dir=str(folder / "node"),
        models_dir=str(folder / "models"),
        context=CONTEXT,
        keep_alive="-1",
    )
    Store(settings.models_path).add_path(path, "bench", link=True)
    found: list[Figure] = []
    bare = await Bare.start(str(path), 4, CONTEXT)
    async with background(settings) as node:
        found += await _face(f"{label}, socket", lambda w: over_node(node, "bench", w), bare, size)
        found.append(await _prefix(f"{label}, socket", lambda w: over_node(node, "bench", w), size))
    async with served(settings) as address:
        found += await _face(f"{label}, HTTP", lambda w: over_http(address, "bench", w), bare, size)
        small = await small_answers(address)
        found.append(Figure(f"{label}, HTTP: a small answer, ms", small, "< 20", small < 20))
    await bare.stop()
    found += await _together(path, label, size, folder)
    found.append(await _cancel(path, label, size))
    return found


async def _face(name: str, ours: Runner, bare: Bare, size: Size) -> list[Figure]:
    await ours(Work(8, 4, seed=999))  # load it
    decode = await pairs(
        ours, bare.run, Work(8, size.decode, seed=1), lambda run: run.decode_rate, size.pairs
    )
    prefill = await pairs(
        ours, bare.run, Work(size.prefill, 1, seed=100),
        lambda run: size.prefill / run.first_s, size.pairs,
    )  # fmt: skip
    first = await pairs(
        ours, bare.run, Work(8, 1, seed=200), lambda run: run.first_s, 3 * size.pairs
    )
    added = first.difference * 1000
    return [
        _ratio(f"{name}: decode", decode.ratio, size.least, f"{max(decode.ours):.0f} tokens/s"),
        _ratio(f"{name}: prefill", prefill.ratio, size.least, f"{max(prefill.ours):.0f} tokens/s"),
        Figure(f"{name}: added first token, ms", added, "<= 10", added <= 10),
    ]


async def _prefix(name: str, ours: Runner, size: Size) -> Figure:
    shares = []
    for seed in range(300, 300 + size.pairs):
        work = Work(size.prefill, 1, seed=seed)
        once, again = await ours(work), await ours(work)
        shares.append(again.first_s / once.first_s)
    share = sorted(shares)[len(shares) // 2]
    return Figure(f"{name}: same prompt again", share, "<= 0.2", share <= 0.2)


async def _cancel(path: Path, label: str, size: Size) -> Figure:
    """From the caller's cancel to the engine's free slot, in the middle of an answer."""
    spec = LoadSpec(
        engine="llama",
        model=label,
        files={"weights": [str(path)]},
        slots=1,
        options={"context": CONTEXT},
    )
    worker = await WorkerProcess.start(spec)
    spans = []
    for _ in range(3 * size.pairs):
        call = worker.call(
            Complete(model=label, prompt=[300], sampling=Sampling(ignore_eos=True), max_tokens=900)
        )
        async for event in call:
            if event.tag == "text":
                break
        began = time.perf_counter()
        call.cancel()
        await call.ended
        spans.append(1000 * (time.perf_counter() - began))
    await worker.stop()
    span = sorted(spans)[len(spans) // 2]
    return Figure(f"{label}: cancel to free slot, ms", span, "< 100", span < 100)


async def _together(path: Path, label: str, size: Size, folder: Path) -> list[Figure]:
    """Eight at once: against the bare engine at eight, and against one after the other."""
    settings = Settings(
        state_dir=str(folder / "eight"),
        models_dir=str(folder / "models"),
        context=CONTEXT,
        slots=8,
        keep_alive="-1",
    )
    bare = await Bare.start(str(path), 8, CONTEXT)
    async with background(settings) as node:

        def ours(work: Work):  # type: ignore[no-untyped-def]  # a Runner, as above
            return over_node(node, "bench", work)

        await ours(Work(8, 4, seed=999))
        eight = await pairs(
            ours, bare.run, Work(8, size.decode // 2, 8, seed=400), lambda run: run.rate, size.pairs
        )
        alone = await ours(Work(8, size.decode // 2, 1, seed=500))
    await bare.stop()
    batching = max(eight.ours) / alone.rate
    return [
        _ratio(
            f"{label}, socket: eight at once", eight.ratio, 1.0, f"{max(eight.ours):.0f} tokens/s"
        ),
        _ratio(f"{label}: eight over one after the other", batching, 1.3),
    ]


def _ratio(name: str, value: float, least: float, note: str = "") -> Figure:
    return Figure(name, value, f">= {least}", value >= least, note)
