"""Models from many peers: three against one, against plain HTTP, and what a kill costs.

Peers are processes of their own that give ranges over TCP, each with an uplink
that may be limited. ``python -m bench.swarm give FILE RATE`` is one of them,
``python -m bench.swarm seed STATE MODELS`` a node that shares by BitTorrent, and
``python -m bench.swarm get ...`` a pull that can be killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import gguf
import numpy as np

from bench.speed import Figure
from ingle.capabilities.share.operation import Audience, ShareModel
from ingle.capabilities.store.operation import Pull
from ingle.config import Settings
from ingle.errors import NetworkError
from ingle.models.pull import pull
from ingle.models.store import Store
from ingle.operations import Progress
from ingle.peers.swarm import Sharing, metainfo

SIZE = 250 * 10**6
UPLINK = 10 * 10**6
"""Bytes per second: 80 Mbit/s."""
DELAY_S = 0.01
"""One way, before the first byte of a range."""
PAIRS = 3


class Peer:
    """A `RangeSource`: one TCP connection for each range, as a stream of a paired peer would be."""

    def __init__(self, name: str, port: int, torrent: bytes) -> None:
        self.name = name
        self.received = 0
        self._port = port
        self._torrent = torrent

    async def torrent(self, digest: str) -> bytes:
        return self._torrent

    async def read(self, digest: str, start: int, end: int) -> AsyncIterator[bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        try:
            writer.write(f"GET / HTTP/1.1\r\nRange: bytes={start}-{end - 1}\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
            left = end - start
            while left:
                piece = await reader.read(min(left, 1 << 20))
                if not piece:
                    return
                left -= len(piece)
                self.received += len(piece)
                yield piece
        finally:
            writer.close()


async def swarm(folder: Path) -> list[Figure]:
    """All figures."""
    path = model(folder / "model.gguf", SIZE)
    digest = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    torrent = metainfo.make(path, digest)
    (folder / "torrent").write_bytes(torrent.encode())
    run = _Runs(folder, path, digest, torrent.encode())
    return [*await run.shaped(), *await run.unshaped(), *await run.killed(), *await run.idle()]


class _Runs:
    def __init__(self, folder: Path, path: Path, digest: str, torrent: bytes) -> None:
        self._folder, self._path, self._digest, self._torrent = folder, path, digest, torrent
        self._size = path.stat().st_size

    async def shaped(self) -> list[Figure]:
        """Three peers against one, all behind the same kind of uplink."""
        ratios, rates = [], []
        async with contextlib.AsyncExitStack() as stack:
            ports = [await stack.enter_async_context(giver(self._path, UPLINK)) for _ in range(3)]
            for number in range(PAIRS):
                both = [ports[:1], ports] if number % 2 else [ports, ports[:1]]
                rate = {len(some): await self._get(some) for some in both}
                ratios.append(rate[3] / rate[1])
                rates.append(rate[3])
        ratio = statistics.median(ratios)
        of_link = statistics.median(rates) / (3 * UPLINK)
        note = f"{statistics.median(rates) / 1e6:.1f} MB/s, links of 80 Mbit/s, 20 ms round trip"
        return [
            Figure("three peers over one", ratio, ">= 2.5", ratio >= 2.5, note),
            Figure("three peers, of their links", of_link, ">= 0.8", of_link >= 0.8, note),
        ]

    async def unshaped(self) -> list[Figure]:
        """One peer without a limit, against the same process asked by plain HTTP."""
        ranges, torrents, plain = [], [], []
        async with (
            giver(self._path, 0) as port,
            seeder(self._folder / "seeder", self._path) as seeding,
        ):
            for _ in range(PAIRS):
                plain.append(await self._plain(port))
                ranges.append(await self._get([port]))
                torrents.append(await self._get([], seeding))
        over = [r / p for r, p in zip(ranges, plain, strict=True)]
        bittorrent = [r / p for r, p in zip(torrents, plain, strict=True)]
        note = f"plain HTTP {statistics.median(plain) / 1e6:.0f} MB/s"
        return [
            Figure(
                "one peer by ranges over plain HTTP",
                statistics.median(over),
                ">= 0.5",
                statistics.median(over) >= 0.5,
                f"{statistics.median(ranges) / 1e6:.0f} MB/s; {note}",
            ),
            Figure(
                "one peer by BitTorrent over plain HTTP",
                statistics.median(bittorrent),
                ">= 0.5",
                statistics.median(bittorrent) >= 0.5,
                f"{statistics.median(torrents) / 1e6:.0f} MB/s; {note}",
            ),
        ]

    async def killed(self) -> list[Figure]:
        """Kill a pull from three peers in its middle; how much is fetched twice?"""
        root = self._folder / "killed"
        async with contextlib.AsyncExitStack() as stack:
            ports = [await stack.enter_async_context(giver(self._path, UPLINK)) for _ in range(3)]
            words = ["get", root, self._digest, self._folder / "torrent", *ports]
            first = await _start(*words)
            assert first.stdout is not None
            fetched = 0
            async for line in first.stdout:
                done, fetched = (int(word) for word in line.split())
                if done > self._size * 0.6:
                    break
            first.send_signal(signal.SIGKILL)
            await first.communicate()
            second = await _start(*words)
            out, _ = await second.communicate()
            again = int(out.split()[-1])
        share = (fetched + again - self._size) / self._size
        note = (
            f"{fetched / 1e6:.0f} MB before, {again / 1e6:.0f} MB after, of {self._size / 1e6:.0f}"
        )
        return [Figure("kill -9, fetched twice", share, "< 0.10", share < 0.10, note)]

    async def idle(self) -> list[Figure]:
        """What a node costs that seeds, with no one asking."""
        async with seeder(self._folder / "idle", self._path) as (_, process):
            status = Path(f"/proc/{process.pid}/status").read_text()
            rss = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]
            before = _cpu_s(process.pid)
            await asyncio.sleep(10)
            cpu = (_cpu_s(process.pid) - before) / 10
        return [
            Figure(
                "idle with a model on the LAN, MiB resident", rss, "< 143 (150 MB)", rss < 143, ""
            ),
            Figure(
                "idle with a model on the LAN, share of a core", cpu, "< 0.005", cpu < 0.005, ""
            ),
        ]

    async def _get(
        self, ports: list[int], seeding: tuple[int, asyncio.subprocess.Process] | None = None
    ) -> float:
        """Bytes per second of a pull."""
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            root = Path(name)
            sharing = Sharing(Store(root / "models"), Settings(share_listen="127.0.0.1:0"), root)
            sources = [Peer(f"peer{n}", port, self._torrent) for n, port in enumerate(ports)]
            peers = []
            if seeding is not None:
                sources = [_Describing("describing", 1, self._torrent)]
                peers = [("127.0.0.2", seeding[0])]
            began = time.perf_counter()
            async for _ in sharing.pull("m", self._digest, self._size, sources, peers):
                pass
            took = time.perf_counter() - began
            await sharing.close()
            return self._size / took

    async def _plain(self, port: int) -> float:
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            began = time.perf_counter()
            request = Pull(model="m", source=f"http://127.0.0.1:{port}/model.gguf", connections=1)
            async for _ in pull(Store(Path(name)), request):
                pass
            return self._size / (time.perf_counter() - began)


class _Describing(Peer):
    """Knows the metainfo, and has no bytes."""

    async def read(self, digest: str, start: int, end: int) -> AsyncIterator[bytes]:
        raise NetworkError("it has no bytes")
        yield b""


def model(path: Path, size: int) -> Path:
    """A model file of random bytes under a true header."""
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_block_count(1)
    writer.add_context_length(4096)
    writer.add_embedding_length(64)
    writer.add_head_count(4)
    values = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    writer.add_tensor("token_embd.weight", values.view(np.int8))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@contextlib.asynccontextmanager
async def giver(path: Path, rate: int) -> AsyncIterator[int]:
    """A peer that gives ranges of a file; its port."""
    process = await _start("give", path, rate)
    try:
        assert process.stdout is not None
        yield int(await process.stdout.readline())
    finally:
        process.kill()
        await process.communicate()


@contextlib.asynccontextmanager
async def seeder(folder: Path, path: Path) -> AsyncIterator[tuple[int, asyncio.subprocess.Process]]:
    """A node that shares a file on the LAN; its port, and its process."""
    process = await _start("seed", folder, path)
    try:
        assert process.stdout is not None
        yield int(await process.stdout.readline()), process
    finally:
        process.kill()
        await process.communicate()


async def _start(*words: object) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.swarm",
        *(str(word) for word in words),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    )


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# -- the other processes -----------------------------------------------------------


async def _give(path: Path, rate: int) -> None:
    fd = os.open(path, os.O_RDONLY)
    size = os.fstat(fd).st_size
    free_at = 0.0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal free_at
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found = re.search(rb"range: bytes=(\d+)-(\d*)", head, re.IGNORECASE)
                start = int(found[1]) if found else 0
                end = int(found[2]) + 1 if found and found[2] else size
                if rate:
                    await asyncio.sleep(2 * DELAY_S)
                writer.write(
                    f"HTTP/1.1 {206 if found else 200} OK\r\nContent-Length: {end - start}\r\n"
                    f'Content-Range: bytes {start}-{end - 1}/{size}\r\nETag: "1"\r\n\r\n'.encode()
                )
                while start < end:
                    piece = os.pread(fd, min(end - start, 64 << 10 if rate else 1 << 20), start)
                    if rate:
                        now = asyncio.get_running_loop().time()
                        free_at = max(now, free_at) + len(piece) / rate
                        await asyncio.sleep(free_at - now)
                    writer.write(piece)
                    await writer.drain()
                    start += len(piece)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _seed(folder: Path, path: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    store = Store(folder / "models")
    store.add_path(path, "m")
    sharing = Sharing(store, Settings(share_listen="127.0.0.2:0"), folder)
    async for _ in sharing.perform(ShareModel(model="m", audience=Audience.LAN)):
        pass
    print(sharing.port, flush=True)
    await asyncio.Event().wait()


async def _get(root: Path, digest: str, torrent: Path, ports: list[int]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    peers = [Peer(f"peer{n}", port, torrent.read_bytes()) for n, port in enumerate(ports)]
    sharing = Sharing(Store(root / "models"), Settings(), root)
    async for event in sharing.pull("m", digest, 0, peers):
        if isinstance(event, Progress):
            print(event.completed, sum(peer.received for peer in peers), flush=True)
    await sharing.close()


def main() -> None:
    """Be one of the other processes."""
    match sys.argv[1:]:
        case ["give", path, rate]:
            asyncio.run(_give(Path(path), int(rate)))
        case ["seed", folder, path]:
            asyncio.run(_seed(Path(folder), Path(path)))
        case ["get", root, digest, torrent, *ports]:
            asyncio.run(_get(Path(root), digest, Path(torrent), [int(port) for port in ports]))


if __name__ == "__main__":
    main()
