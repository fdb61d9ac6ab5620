"""Delegation against local work, links against TCP, fairness, and what an idle pairing costs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psutil

from bench.faces import background, over_node
from bench.measure import Run, Work, pairs
from bench.speed import Figure
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.node.operation import NodeStatus, StatusReport
from ingle.capabilities.peers.operation import Invite, Invited, Join, ListPeers, Paired, Peers
from ingle.capabilities.share.operation import Shared, ShareModel
from ingle.config import Settings
from ingle.models.store import Store
from ingle.node.node import Node, ask
from ingle.operations import Sampling, Text
from ingle.peers.file_server import PeerFileSource
from ingle.peers.peered_node import PeeredNode

IDLE_S = 20.0
CONSUMERS = 10
FAIR_S = 25.0


async def peers(
    model: Path, label: str, folder: Path, decode: int, count: int, least: float
) -> list[Figure]:
    """All figures of one model; ``least`` is the share of local speed that must arrive."""
    desk, laptop = _settings(folder, "desk"), _settings(folder, "laptop")
    Store(desk.models_path).add_path(model, "bench", link=True)
    found: list[Figure] = []
    async with background(desk) as provider, background(laptop) as consumer:
        await _pair(consumer, provider)
        found += await _delegated(provider, consumer, label, decode, count, least)
        if label == "ember":
            found += await _idle(provider, consumer)
            found.append(await _fair(provider, folder))
    if label == "ember":
        found.append(await _cancel(model, folder / "cancel"))
        found += await _stream(folder / "stream")
    return found


def _settings(folder: Path, name: str) -> Settings:
    return Settings(
        state_dir=str(folder / name), models_dir=str(folder / f"{name}-models"), device_name=name,
        peer_host="127.0.0.1", peer_port=0, nearby=False, context=1024, keep_alive="-1",
    )  # fmt: skip


async def _pair(consumer: Node, provider: Node) -> None:
    code = (await ask(provider, Invite(preset="family"), Invited)).code
    await ask(consumer, Join(code=code), Paired)


async def _delegated(
    provider: Node, consumer: Node, label: str, decode: int, count: int, least: float
) -> list[Figure]:
    async def there(work: Work) -> Run:
        return await over_node(consumer, "bench@desk", work)

    async def here(work: Work) -> Run:
        return await over_node(provider, "bench", work)

    await there(Work(8, 4, seed=999))
    rate = await pairs(there, here, Work(8, decode, seed=1), lambda run: run.decode_rate, count)
    first = await pairs(there, here, Work(8, 1, seed=200), lambda run: run.first_s, 4 * count)
    spent = await _spent(consumer, provider, lambda: there(Work(8, 4 * decode, seed=5)), 4 * decode)
    (peer,) = (await ask(consumer, ListPeers(ask=True), Peers)).peers
    trip = 1000 * (peer.round_trip_s or 0.0)
    added = 1000 * first.difference
    bound = 2 * trip + 10
    return [
        Figure(
            f"{label}: delegated over local, tokens/s", rate.ratio, f">= {least}",
            rate.ratio >= least, f"{statistics.median(rate.ours):.0f} tokens/s",
        ),
        Figure(
            f"{label}: added first token, ms", added, "<= 2 trips + 10", added <= bound,
            f"one round trip: {trip:.1f} ms",
        ),
        Figure(
            f"{label}: both nodes' CPU for a delegated token, us", sum(spent), "reported", True,
            f"consumer {spent[0]:.0f}, provider {spent[1]:.0f}",
        ),
    ]  # fmt: skip


async def _spent(
    consumer: Node, provider: Node, work: Callable[[], Awaitable[object]], tokens: int
) -> tuple[float, float]:
    """CPU that the two nodes (not the engine) take for one token, in microseconds."""
    pids = [(await ask(node, NodeStatus(), StatusReport)).pid for node in (consumer, provider)]
    processes = [psutil.Process(pid) for pid in pids]

    def used(process: psutil.Process) -> float:
        times = process.cpu_times()
        return float(times.user + times.system)

    before = [used(process) for process in processes]
    await work()
    first, second = (
        1e6 * (used(process) - start) / tokens
        for process, start in zip(processes, before, strict=True)
    )
    return first, second


async def _cancel(model: Path, folder: Path) -> Figure:
    """From the consumer's cancel to the provider's free slot."""
    Store(_settings(folder, "desk").models_path).add_path(model, "bench", link=True)
    spans = []
    async with _hosted(folder, "desk") as desk, _hosted(folder, "laptop") as laptop:
        await _pair(laptop, desk)
        request = Complete(
            model="bench@desk", prompt=[300], max_tokens=900, sampling=Sampling(ignore_eos=True)
        )
        for _ in range(15):
            async with laptop.perform(request) as events:
                async for event in events:
                    if isinstance(event, Text):
                        break
                began = time.perf_counter()
            while any(loaded_model.active for loaded_model in desk.local.scheduler.loaded_models):
                await asyncio.sleep(0.0005)
            spans.append(1000 * (time.perf_counter() - began))
    span = statistics.median(spans)
    return Figure("delegated: cancel to free slot, ms", span, "< 100", span < 100)


async def _stream(folder: Path) -> list[Figure]:
    """One file over an encrypted link, against the same bytes over plain TCP."""
    size = 128 * 2**20
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "bytes.bin"
    file.write_bytes(os.urandom(2**20) * (size >> 20))
    async with _hosted(folder, "desk") as desk, _hosted(folder, "laptop") as laptop:
        await _pair(laptop, desk)
        shared = await ask(desk, ShareModel(model="ember"), Shared)
        digest = shared.share.digest
        # The share is of ember; for the length of this measurement it leads to a larger file.
        desk.peer_service.sharing.shares.path = lambda _: file  # type: ignore[method-assign]
        source = PeerFileSource(
            laptop.peer_service.dialer, laptop.peer_service.address_book.find("desk")
        )

        async def encrypted() -> float:
            began, got = time.perf_counter(), 0
            async for piece in source.read(digest, 0, size):
                got += len(piece)
            assert got == size
            return got / 1e6 / (time.perf_counter() - began)

        await encrypted()
        ours, plain = [], []
        for _ in range(5):
            ours.append(await encrypted())
            plain.append(await _plain(file, size))
        await source.close()
    rate = statistics.median(ours)
    ratio = statistics.median(a / b for a, b in zip(ours, plain, strict=True))
    return [
        Figure("one stream, MB/s", rate, ">= 45", rate >= 45),
        Figure("one stream over plain asyncio TCP", ratio, "reported", True,
               f"TCP {statistics.median(plain):.0f} MB/s"),
    ]  # fmt: skip


async def _plain(file: Path, size: int) -> float:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with file.open("rb") as source:
            while data := source.read(2**20):
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    began, got = time.perf_counter(), 0
    while data := await reader.read(2**20):
        got += len(data)
    assert got == size
    writer.close()
    server.close()
    return got / 1e6 / (time.perf_counter() - began)


async def _fair(provider: Node, folder: Path) -> Figure:
    """Ten devices ask one provider again and again."""
    async with AsyncExitStack() as stack:
        names = [f"c{number}" for number in range(CONSUMERS)]
        consumers = [await stack.enter_async_context(_hosted(folder, name)) for name in names]
        for consumer in consumers:
            await _pair(consumer, provider)
        until = time.monotonic() + FAIR_S

        async def use(consumer: PeeredNode) -> int:
            tokens = 0
            request = Complete(
                model="bench@desk", prompt=[300, 301], max_tokens=64,
                sampling=Sampling(ignore_eos=True, temperature=0.0),
            )  # fmt: skip
            while time.monotonic() < until:
                async with consumer.perform(request) as events:
                    tokens += len([event async for event in events if isinstance(event, Text)])
            return tokens

        tokens = await asyncio.gather(*(use(consumer) for consumer in consumers))
    ratio = max(tokens) / max(1, min(tokens))
    note = f"{min(tokens) / FAIR_S:.0f} to {max(tokens) / FAIR_S:.0f} tokens/s each"
    return Figure("ten consumers, most over least", ratio, "<= 1.5", ratio <= 1.5, note)


async def _idle(provider: Node, consumer: Node) -> list[Figure]:
    """A paired node that has nothing to do; its link is open."""
    await ask(consumer, ListPeers(ask=True), Peers)
    process = psutil.Process((await ask(consumer, NodeStatus(), StatusReport)).pid)
    await asyncio.sleep(2)
    before = process.cpu_times()
    await asyncio.sleep(IDLE_S)
    after = process.cpu_times()
    share = (after.user + after.system - before.user - before.system) / IDLE_S
    memory = process.memory_info().rss / 2**20
    return [
        Figure("idle paired node, RSS in MiB", memory, "< 150", memory < 150),
        Figure("idle paired node, share of a core", share, "< 0.005", share < 0.005),
    ]


@asynccontextmanager
async def _hosted(folder: Path, name: str) -> AsyncIterator[PeeredNode]:
    node = await PeeredNode.open(_settings(folder, name))
    try:
        yield node
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await node.aclose()
