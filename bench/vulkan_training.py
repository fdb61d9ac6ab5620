"""Training's speed on a Vulkan device, with random weights of true Qwen3 shapes.

``python -m bench.vulkan_training ARM [...]``; each arm prints lines of JSON as they come:

    device                        what the device offers
    check                         16-bit products against 32-bit ones: loss and gradients
    products                      the matrix products of a step alone, by several tiles
    step SHAPE KIND ROWS SEQUENCE [keep] [exact] [profile]
                                  steps: tokens/s, first step, CPU time of a dispatch, memory
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from bench.bases import write_base
from ingle.errors import EngineFault
from ingle.models.gguf import read_header
from ingle.training.architecture import Architecture
from ingle.training.batch import Batch
from ingle.training.lora import LoraConfig, fresh
from ingle.training.step import Step
from ingle.training.vulkan import tile_tuning
from ingle.training.vulkan.executor import VulkanExecutor
from ingle.training.vulkan.matmul import KernelVariant, Tile
from ingle.training.vulkan.vulkan_device import VulkanDevice, adapters, choose
from ingle.training.vulkan.vulkan_fit import estimate

SECONDS = 4.0
"""Of measured steps."""
LONGEST = 60.0
"""Seconds of the products, at most."""
RANK = 16


def say(**found: Any) -> None:
    """One line."""
    print(json.dumps(found), flush=True)


def batch(rows: int, sequence: int, vocabulary: int) -> Batch:
    """Random tokens, every one supervised but the last of each row."""
    tokens = np.random.default_rng(1).integers(0, vocabulary, (rows, sequence))
    labels = np.roll(tokens, -1, 1)
    labels[:, -1] = -100
    return Batch(tokens, labels, np.broadcast_to(np.arange(sequence), tokens.shape))


def work(a: Architecture, rows: int, sequence: int, kept: int) -> float:
    """Operations of a step: what the matrices and attention need, recomputing included."""
    block = sum(out * into for out, into in a.matrices.values())
    tokens = rows * sequence
    passes = 4 * a.layers + 2 * (a.layers - kept)
    attention = tokens * sequence * a.heads * a.head * passes / 2 * 2
    return tokens * (passes * block + 4 * a.vocabulary * a.width) + attention


def step(shape: str, kind: str, rows: int, sequence: int, *options: str) -> None:
    """Whole steps."""
    began = time.perf_counter()
    path = write_base(Path(tempfile.gettempdir()), shape, kind)
    written = time.perf_counter() - began
    a, adapter = Architecture.of(read_header(path)), LoraConfig(rank=RANK)
    keep = a.layers if "keep" in options else 0
    header = read_header(path)
    needs = estimate(
        a, adapter, rows=rows, sequence=sequence, keep=keep,
        file_bytes=sum(tensor.size for tensor in header.tensors),
    )  # fmt: skip
    began = time.perf_counter()
    device = VulkanDevice(choose(), exact="exact" in options)
    executor = VulkanExecutor(path, adapter, fresh(adapter, a, seed=0), device=device, keep=keep)
    device.wait()
    loaded = time.perf_counter() - began
    engine = Step(executor)
    given = batch(rows, sequence, a.vocabulary)

    def one() -> float:
        engine.accumulate(given)
        return engine.update(1e-4)[0]

    began = time.perf_counter()
    losses = [one()]
    first = time.perf_counter() - began
    times: list[float] = []
    processor = time.process_time()
    dispatches = device.statistics.dispatches
    thread = time.thread_time()
    while len(times) < 2 or (sum(times) < SECONDS and len(times) < 50):
        began = time.perf_counter()
        losses.append(one())
        times.append(time.perf_counter() - began)
    count = device.statistics.dispatches - dispatches
    median = statistics.median(times)
    say(
        arm="step", shape=shape, kind=kind, rows=rows, sequence=sequence, options=options,
        device=device.adapter.name, halves=device.halves, tile=executor._machine.large,
        tokens_per_s=round(rows * sequence / median), step_s=round(median, 4),
        tflops=round(work(a, rows, sequence, keep) / median / 1e12, 1),
        load_s=round(loaded, 2), first_step_s=round(first, 2), file_s=round(written, 2),
        dispatches=count // len(times), steps=len(times),
        cpu_us_per_dispatch=round((time.process_time() - processor) / count * 1e6, 1),
        thread_us_per_dispatch=round((time.thread_time() - thread) / count * 1e6, 1),
        needs_gib=round(needs.total / 2**30, 2), peak_gib=round(device.statistics.peak / 2**30, 2),
        largest_mib=round(device.statistics.largest / 2**20, 1),
        loss=[round(losses[0], 4), round(losses[-1], 4)],
    )  # fmt: skip
    if "profile" in options:
        profile(executor)
    executor.close()


def profile(executor: VulkanExecutor) -> None:
    """Time of each kind of kernel in a step, each dispatch alone."""
    device = executor.device
    program = next(iter(executor._programs.values()))[0]
    spent: dict[str, list[float]] = defaultdict(list)
    device.wait()
    began = time.perf_counter()
    device.wait()
    empty = time.perf_counter() - began
    dispatches = [dispatch for part in program.parts for dispatch in part]
    for name, (pipeline, group, grid) in zip(program.names, dispatches, strict=True):
        began = time.perf_counter()
        device.play([(pipeline, group, grid)] * 4)
        device.wait()
        spent[f"{name} {grid}"].append((time.perf_counter() - began - empty) / 4)
    total = sum(map(sum, spent.values()))
    for name, found in sorted(spent.items(), key=lambda entry: -sum(entry[1]))[:40]:
        say(kernel=name, count=len(found), ms=round(sum(found) * 1e3, 3),
            each_us=round(statistics.median(found) * 1e6, 1),
            share=round(sum(found) / total, 3))  # fmt: skip
    say(profile_total_ms=round(total * 1e3, 2), empty_us=round(empty * 1e6, 1))


LARGE = (
    (2048, 12288, 2048, True),
    (2048, 2048, 12288, False),
    (2048, 6144, 2048, False),
    (128, 4096, 2048, True),
    (128, 2048, 6144, False),
)
"""m, n and k of products of 1.7B, and whether B lies along k: it does on the way forward."""
TILES = (
    *tile_tuning.HALVES,
    *tile_tuning.FLOATS,
    Tile(128, 128, 32, half=True, unroll=8),
    Tile(128, 64, 32, half=True, threads=128, unroll=8),
    Tile(64, 64, 32, half=True, threads=64, unroll=8),
    Tile(64, 128, 32, half=True, threads=128),
    Tile(64, 64, 32, half=True, unroll=8),
    Tile(128, 128, 16),
    Tile(128, 128, 32, unroll=8),
    Tile(128, 128, 16, unroll=16, double=True),
    Tile(64, 64, 8, threads=64, unroll=8, double=True),
)
"""Those that a device chooses from, and others."""


def products(sizes: tuple[tuple[int, int, int, bool], ...] = LARGE) -> None:
    """Large products, by several tiles."""
    device = VulkanDevice(choose())
    machine = tile_tuning.machine_on(device)
    say(arm="products", device=device.adapter.name, halves=device.halves, chosen=machine.large)
    started = time.perf_counter()
    for tile in TILES:
        if time.perf_counter() - started > LONGEST:
            say(stopped=f"after {LONGEST} s")
            break
        if tile.half and not device.halves:
            continue
        found = []
        for m, n, k, turned in sizes:
            a, c = machine.new(m, k), machine.new(m, n)
            b = machine.new(n, k) if turned else machine.new(k, n)
            machine.fill(a, 0.5)
            machine.fill(b, 0.0)
            form = KernelVariant(b_turned=turned, b_half=device.halves)
            began = time.perf_counter()
            for _ in range(8):
                machine.multiply(form, a, b, c, m, n, k, tile=tile)
            try:
                program = machine.recorder.finish([c])
            except EngineFault as error:  # a tile that a device refuses is a finding
                say(tile=tile, error=str(error)[:300])
                break
            compiled = time.perf_counter() - began
            program.play()
            times = []
            for _ in range(3):
                device.wait()
                began = time.perf_counter()
                program.play()
                device.wait()
                times.append((time.perf_counter() - began) / 8)
            found.append(round(2 * m * n * k / min(times) / 1e12, 1))
        say(tile=tile._asdict(), tflops=found, compile_s=round(compiled, 2))


def check() -> None:
    """Both ways to multiply, on a small model: loss and gradients."""
    from tests.training.models import VOCABULARY
    from tests.training.models import write_base as write_small

    path = write_small(Path(tempfile.gettempdir()) / "vulkan-check.gguf", kind="Q8_0")
    a, adapter = Architecture.of(read_header(path)), LoraConfig(rank=8)
    numbers = fresh(adapter, a, seed=1)
    chance = np.random.default_rng(2)
    for name, x in numbers.items():
        if name.endswith("_b"):
            numbers[name] = (chance.standard_normal(x.shape) * 0.02).astype(np.float32)
    given = batch(2, 96, VOCABULARY)
    found = []
    for exact in (True, False):
        device = VulkanDevice(choose(), exact=exact)
        executor = VulkanExecutor(path, adapter, numbers, device=device)
        loss, gradients = Step(executor).gradients(given)
        found.append((loss, gradients))
        executor.close()
    (loss, exactly), (rough_loss, rough) = found
    errors = {
        n: float(np.linalg.norm(rough[n] - g) / np.linalg.norm(g)) for n, g in exactly.items()
    }
    say(arm="check", loss=loss, loss_16=rough_loss, worst=max(errors.values()),
        median=statistics.median(errors.values()))  # fmt: skip


def main() -> None:
    """Measure what is asked for."""
    arm, *rest = sys.argv[1:] or ["device"]
    if arm == "device":
        for adapter in adapters():
            say(
                **{**adapter._asdict(), "handle": sorted(adapter.handle.features)},
                limits={k: v for k, v in adapter.handle.limits.items() if "compute" in k},
            )
    elif arm == "check":
        check()
    elif arm == "products":
        products()
    else:
        step(rest[0], rest[1], int(rest[2]), int(rest[3]), *rest[4:])


if __name__ == "__main__":
    main()
