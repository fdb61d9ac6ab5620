"""Ten good clients chat while 500 connections of strangers do what they can to be in the way."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import psutil

from bench.faces import served
from bench.speed import Figure
from ingle.config import Settings

GOOD = 10
HOSTILE = 500
ROUNDS = 2
CHATS = 4
"""Of each good client, per round."""
SLOWER = 1.2
MOST_MEMORY = 300e6
REST_S = 1.0
CHAT = {
    "model": "ember",
    "messages": [{"role": "user", "content": "What does grep -i do?"}],
    "max_tokens": 16,
    "temperature": 0,
}
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
PIPELINED = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 64

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def strangers(folder: Path) -> list[Figure]:
    """Both medians, their ratio, failures, and the most memory the server took."""
    settings = Settings(
        state_dir=str(folder / "strangers"), models_dir=str(folder / "empty"), context=1024
    )
    quiet: list[float] = []
    besieged: list[float] = []
    async with served(settings) as (host, port):
        address = f"http://{host}:{port}"
        await _chats(address, 1)
        for _ in range(ROUNDS):
            quiet += await _chats(address, CHATS)
            async with _hostile(host, port):
                besieged += await _chats(address, CHATS)
        peak = _peak_memory(port)
    failed = sum(each == float("inf") for each in besieged)
    ratio = statistics.median(besieged) / statistics.median(quiet)
    note = f"{statistics.median(quiet):.3f} s without, {statistics.median(besieged):.3f} s with"
    return [
        Figure(f"median chat of {GOOD} clients among {HOSTILE} hostile connections, to without",
               ratio, f"< {SLOWER}", ratio < SLOWER, note),
        Figure("chats that failed meanwhile", failed, "0", failed == 0, f"of {len(besieged)}"),
        Figure("most memory of the server meanwhile, MB",
               peak / 1e6, "< 300", peak < MOST_MEMORY),
    ]  # fmt: skip


async def _chats(address: str, count: int) -> list[float]:
    """Seconds of each chat of the good clients; infinite for one that failed."""

    async def one() -> list[float]:
        found = []
        async with httpx.AsyncClient(base_url=address, timeout=120) as client:
            for _ in range(count):
                began = time.perf_counter()
                try:
                    answer = await client.post("/v1/chat/completions", json=CHAT)
                    answer.raise_for_status()
                    found.append(time.perf_counter() - began)
                except httpx.HTTPError:
                    found.append(float("inf"))
        return found

    return list(itertools.chain(*await asyncio.gather(*(one() for _ in range(GOOD)))))


@contextlib.asynccontextmanager
async def _hostile(host: str, port: int) -> AsyncIterator[None]:
    """The strangers, each of whom comes again when shown out."""
    kinds = itertools.cycle([_silent, _half_head, _endless_head, _slow_body, _pipelined, _unread])
    tasks = [
        asyncio.create_task(_again(host, port, kind)) for kind in itertools.islice(kinds, HOSTILE)
    ]
    await asyncio.sleep(REST_S)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _again(host: str, port: int, kind: Callable[[Streams], Awaitable[None]]) -> None:
    while True:
        with contextlib.suppress(OSError):
            streams = await asyncio.open_connection(host, port)
            try:
                await kind(streams)
            finally:
                streams[1].transport.abort()
        await asyncio.sleep(REST_S)


async def _silent(streams: Streams) -> None:
    await streams[0].read()


async def _half_head(streams: Streams) -> None:
    await _trickle(streams[1], itertools.chain([HEAD], itertools.repeat(b"x")))


async def _endless_head(streams: Streams) -> None:
    await _trickle(streams[1], itertools.chain([HEAD + b"X: "], itertools.repeat(b"x" * 16_384)))


async def _slow_body(streams: Streams) -> None:
    head = HEAD + b"Content-Length: 30000000\r\n\r\n" + b" " * 200_000
    await _trickle(streams[1], itertools.chain([head], itertools.repeat(b" ")))


async def _pipelined(streams: Streams) -> None:
    streams[1].write(PIPELINED)
    await streams[0].read()


async def _unread(streams: Streams) -> None:
    await _trickle(
        streams[1], itertools.repeat(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    )


async def _trickle(writer: asyncio.StreamWriter, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        if writer.transport.is_closing():
            return
        writer.write(piece)
        await asyncio.sleep(REST_S)


def _peak_memory(port: int) -> float:
    for connection in psutil.net_connections("tcp"):
        if connection.status == "LISTEN" and connection.laddr.port == port and connection.pid:
            status = Path(f"/proc/{connection.pid}/status").read_text()
            return 1024.0 * int(status.split("VmHWM:")[1].split()[0])
    raise RuntimeError(f"no process listens on port {port}")
