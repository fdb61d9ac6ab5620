"""Pulls that are killed, and several at once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from ingle.capabilities.store.operation import Pull
from ingle.models import Store
from ingle.models.pull import pull
from tests.waiting import eventually

from .hub import FileServer
from .pulling import IMPATIENT, MIB, assert_whole, pulled, sha256


def start(store: Store, url: str, name: str = "m") -> subprocess.Popen[str]:
    package = Path(__file__).parent
    return subprocess.Popen(
        [sys.executable, "-m", f"{package.name}.pulling", str(store.root), url, name],
        cwd=package.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_kill_9_in_the_middle_costs_little(
    store: Store, server: FileServer, weights: bytes
) -> None:
    url = server.add("/m.gguf", weights, piece_s=0.01)
    for share in (0.3, 0.6):
        process = start(store, url)
        eventually(lambda share=share: server.sent > share * len(weights), "bytes were sent")
        process.send_signal(signal.SIGKILL)
        process.communicate()
    server.files["/m.gguf"].piece_s = 0
    pulled(store, Pull(model="m", source=url))
    assert_whole(store, "m", weights)
    assert server.sent < len(weights) * 1.6


def test_two_processes_share_one_download(store: Store, server: FileServer, weights: bytes) -> None:
    url = server.add("/m.gguf", weights, piece_s=0.005)
    processes = [start(store, url, f"m{number}") for number in range(2)]
    outputs = [process.communicate()[0].strip() for process in processes]
    assert outputs == [f"sha256:{sha256(weights)}"] * 2
    assert len(weights) <= server.sent <= len(weights) + 4
    assert_whole(store, "m0", weights)
    assert_whole(store, "m1", weights)


def test_without_any_version_from_the_server_they_share_it_too(
    store: Store, server: FileServer, weights: bytes
) -> None:
    url = server.add("/m.gguf", weights, piece_s=0.005, etag="")

    async def both() -> None:
        async def one(name: str) -> None:
            async for _ in pull(store, Pull(model=name, source=url), IMPATIENT):
                pass

        await asyncio.gather(one("m0"), one("m1"))

    asyncio.run(both())
    assert server.sent < len(weights) * 1.2
    store.prune(partials=True)
    assert_whole(store, "m1", weights)


def test_the_second_takes_over_when_the_first_dies(
    store: Store, server: FileServer, weights: bytes
) -> None:
    url = server.add("/m.gguf", weights, piece_s=0.01)
    first = start(store, url)
    eventually(lambda: server.sent > len(weights) // 4, "the first fetches")
    second = start(store, url, "m2")
    eventually(lambda: server.sent > len(weights) // 2, "the first fetches on")
    first.kill()
    first.communicate()
    assert second.communicate()[0].strip() == f"sha256:{sha256(weights)}"
    assert_whole(store, "m2", weights)
    assert server.sent < len(weights) * 1.6


def test_prune_spares_a_live_pull(store: Store, server: FileServer, weights: bytes) -> None:
    url = server.add("/m.gguf", weights, piece_s=0.005)
    process = start(store, url)
    eventually(lambda: server.sent > MIB, "it fetches")
    assert [f for f in store.prune(partials=True).files if f.endswith(".part")] == []
    assert process.communicate()[0].strip() == f"sha256:{sha256(weights)}"
    assert_whole(store, "m", weights)
