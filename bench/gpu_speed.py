"""Decode, prefill and many at once on a GPU: ingle's node against the bare llama-server.

Both are loaded at once with the same arguments and asked in turn. The bare side is a socket that
only counts chunks.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
import traceback
from pathlib import Path
from typing import Any

from bench.faces import background, over_node
from bench.gpu import Case, Server, first_device, loaded_as, model_path, running
from bench.measure import Run, Runner, Work, pairs
from ingle.capabilities.node.operation import NodeStatus, StatusReport
from ingle.config import Settings
from ingle.models.store import Store
from ingle.node.node import ask

PAIRS = 5
CASES = [
    Case("0.6B, 8 slots", "0.6b-q8_0", 8192, 8),
    Case("4B, 8 slots", "4b-q8_0", 8192, 8),
    Case("0.6B, 32 slots", "0.6b-q8_0", 1024, 32),
    Case("4B, 32 slots", "4b-q8_0", 1024, 32),
    Case("4B Q4_K, 8 slots", "4b-q4_k", 8192, 8),
]


def over_socket(socket: Path) -> Runner:
    """The bare server, asked as directly as can be."""

    async def run(work: Work) -> Run:
        firsts: list[float] = []
        tokens = 0
        began = time.perf_counter()

        async def one(prompt: list[int]) -> None:
            nonlocal tokens
            body = json.dumps({
                "prompt": prompt, "max_tokens": work.new_tokens, "temperature": 0.0,
                "stream": True, "ignore_eos": True, "cache_prompt": True,
            }).encode()  # fmt: skip
            reader, writer = await asyncio.open_unix_connection(str(socket), limit=1 << 20)
            head = (
                f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
            )
            writer.write(head.encode() + b"\r\nContent-Type: application/json\r\n\r\n" + body)
            first, last = 0.0, b""
            while b"[DONE]" not in last:
                data = await reader.read(1 << 16)
                if not data:
                    raise RuntimeError(f"the server hung up: {last[-200:]!r}")
                count = data.count(b"data: {")
                if count and not first:
                    first = time.perf_counter() - began
                    firsts.append(first)
                tokens += count
                last = last[-8:] + data
            writer.close()

        await asyncio.gather(*(one(prompt) for prompt in work.prompts()))
        return Run(first_s=min(firsts), total_s=time.perf_counter() - began, tokens=tokens)

    return run


async def speed(folder: Path, name: str, binary: str, case: Case) -> list[dict[str, Any]]:
    """The figures of one case."""
    device = first_device(binary, name)
    spec, options, _ = loaded_as(case, folder, binary, device)
    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    settings = Settings(
        state_dir=str(home / "node"), models_dir=str(home / "models"), llama_server=binary,
        context=case.context, slots=case.slots, keep_alive="-1", threads=16, memory="100GiB",
    )  # fmt: skip
    Store(settings.models_path).add_path(model_path(folder, case.model), "bench", link=True)
    found: list[dict[str, Any]] = []

    def tell(what: str, least: float, ratio: float, ours: list[float], bare: list[float]) -> None:
        row = {"build": name, "case": f"{case.name}: {what}", "ratio": ratio, "least": least}
        row |= {"ours": sorted(ours)[len(ours) // 2], "bare": sorted(bare)[len(bare) // 2]}
        print(
            f"{'ok  ' if ratio >= least else 'MISS'} {name[:7]:7} {row['case'][:36]:36} "
            f"{ratio:6.3f} >= {least:4} {row['ours']:8.0f} / {row['bare']:<8.0f}",
            flush=True,
        )
        found.append(row)

    with running(Server(spec, options, folder)) as server:
        bare = over_socket(server.socket)
        async with background(settings) as node:

            async def ours(work: Work) -> Run:
                return await over_node(node, "bench", work)

            for warm in (ours, bare):
                await warm(Work(64, 8, case.slots, seed=999))
            (worker,) = (await ask(node, NodeStatus(), StatusReport)).workers
            print(f"     {name} {case.name}: {worker.device} {' '.join(worker.notes)}", flush=True)
            if case.slots == 8:
                decode = await pairs(
                    ours, bare, Work(8, 256, seed=1), lambda run: run.decode_rate, PAIRS
                )
                tell("decode", 0.98, decode.ratio, *decode)
                for size in (1536, 7000):
                    prefill = await pairs(
                        ours, bare, Work(size, 1, seed=size), lambda run: 1 / run.first_s, PAIRS
                    )
                    rates = [[size * one for one in side] for side in prefill]
                    tell(f"prefill {size}", 0.98, prefill.ratio, *rates)
            many = await pairs(
                ours, bare, Work(32, 256, case.slots, seed=400), lambda run: run.rate, PAIRS
            )
            tell(f"{case.slots} at once", 1.0, many.ratio, *many)
    return found


def measure_speed(folder: Path, builds: dict[str, str], only: str, end: float) -> list[Any]:
    """All cases of all builds, as far as the time goes."""
    rows: list[Any] = []
    for name, binary in builds.items():
        for case in CASES:
            if only not in case.name or time.monotonic() > end:
                continue
            try:
                rows += asyncio.run(asyncio.wait_for(speed(folder, name, binary, case), 200))
            except Exception as error:
                traceback.print_exc(limit=3)
                reason = f"{type(error).__name__}: {error}"
                rows.append({"build": name, "case": case.name, "failed": reason})
                print(f"FAILED {name} {case.name}: {reason[:160]}", flush=True)
    return rows
