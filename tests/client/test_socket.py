"""The node's socket: the same interface from another process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.node.operation import NodeStatus, Shutdown, StatusReport
from ingle.capabilities.store.operation import ListModels, Models, Pull, Pulled
from ingle.client.connect import connect
from ingle.client.host import host
from ingle.config import Settings
from ingle.engines import sandbox
from ingle.engines.child import ChildProcess
from ingle.engines.sandbox import SandboxPolicy
from ingle.errors import ModelNotFound, NodeUnreachable, Unauthorized, WorkerDied
from ingle.node.node import ask
from ingle.node.socket import SocketNode, socket_path
from ingle.operations import Done, Event, Message, Progress, Sampling, Text
from ingle.protocol.connection import Connection, SocketStream
from tests.waiting import eventually_async

from ..models.hub import FileServer

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def reached(settings: Settings) -> AsyncIterator[SocketNode]:
    async with host(settings) as (_, server):
        node = await SocketNode.connect(server.path)
        try:
            yield node
        finally:
            await node.aclose()


def endless() -> Chat:
    return Chat(
        model="ember",
        messages=[Message(role="user", content="hello")],
        sampling=Sampling(ignore_eos=True),
        max_tokens=900,
    )


async def test_it_is_the_same_node(settings: Settings) -> None:
    async with reached(settings) as node:
        assert (await ask(node, ListModels(), Models)).models[0].name == "documents"
        with pytest.raises(ModelNotFound):
            await ask(node, Chat(model="nope", messages=endless().messages), Done)


async def test_only_its_owner_may_enter(settings: Settings) -> None:
    async with host(settings) as (_, server):
        assert server.path.stat().st_mode & 0o077 == 0
        assert settings.state_path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("shown", [None, "", "of another node", 7])
async def test_who_does_not_show_the_token_may_ask_nothing(
    settings: Settings, shown: object
) -> None:
    async with host(settings) as (_, server):
        stream = SocketStream(*await asyncio.open_unix_connection(server.path))
        caller = Connection(stream)
        running = asyncio.create_task(caller.run())
        if shown is not None:
            caller.greet(token=shown)
        with pytest.raises(Unauthorized, match="did not show the token"):
            async with caller.perform(NodeStatus()) as events:
                await anext(events)
        caller.close()
        await running


async def test_the_token_is_the_owners_and_another_one_each_time(settings: Settings) -> None:
    seen = set()
    for _ in range(2):
        async with host(settings) as (_, server):
            file = server.path.with_suffix(".token")
            assert file.stat().st_mode & 0o777 == 0o600
            seen.add(file.read_text())
    assert len(seen) == 2
    assert min(map(len, seen)) > 40


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who connects")
async def test_a_process_of_the_sandbox_may_not_even_connect(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "level", lambda: "limits")  # at others it is stopped before
    script = """
    import socket, sys
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(sys.argv[1])
    print(sock.recv(4096), file=sys.stderr, flush=True)
    """
    async with host(settings) as (_, server):
        command = [sys.executable, "-c", textwrap.dedent(script), str(server.path)]
        caller = await ChildProcess.start(
            command, {}, policy=SandboxPolicy(), lost=lambda _: WorkerDied("it died")
        )
        await asyncio.shield(caller.died)
        await caller.kill()
    assert "processes that ingle runs in its sandbox" in caller.stderr[-1]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows environments")
def test_what_was_in_the_environment_is_wiped_and_still_set() -> None:
    script = """
    import ctypes, os, pathlib
    from ingle.engines.privileges import wipe_environment
    wipe_environment()
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_char_p
    print(os.environ["INGLE_TOKEN"], getenv(b"INGLE_TOKEN").decode())
    print(pathlib.Path("/proc/self/environ").read_bytes().strip(b"\\0"))
    """
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "INGLE_TOKEN": "secret"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.splitlines() == ["secret secret", "b''"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows environments")
async def test_a_background_node_shows_no_secret_of_its_environment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret-token")
    async with AsyncExitStack() as stack:
        node = await connect(settings, stack, "background")
        pid = (await ask(node, NodeStatus(), StatusReport)).pid
        assert b"secret-token" not in Path(f"/proc/{pid}/environ").read_bytes()
        await ask(node, Shutdown(), Done)


async def test_a_caller_that_vanishes_frees_its_slot(settings: Settings) -> None:
    async with host(settings) as (hosted, server):
        node = await SocketNode.connect(server.path)
        async with node.perform(endless()) as events:
            async for event in events:
                if isinstance(event, Text):
                    await node.aclose()
                    break
        await eventually_async(
            lambda: (
                not any(
                    loaded_model.active for loaded_model in hosted.local.scheduler.loaded_models
                )
            )
        )


async def test_nobody_there(settings: Settings) -> None:
    with pytest.raises(NodeUnreachable):
        await SocketNode.connect(socket_path(settings.state_path))


async def test_a_deep_state_directory_still_has_a_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    settings = Settings(state_dir=str(deep), models_dir=str(tmp_path / "m"))
    async with reached(settings) as node:
        assert (await ask(node, NodeStatus(), StatusReport)).pid == os.getpid()


async def test_a_background_node_starts_once_and_stops_when_told(settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        nodes = await asyncio.gather(*(connect(settings, stack, "background") for _ in range(4)))
        reports = [await ask(node, NodeStatus(), StatusReport) for node in nodes]
        assert len({report.pid for report in reports}) == 1
        assert reports[0].rss < 120e6
        assert reports[0].pid != os.getpid()
        await ask(nodes[0], Shutdown(), Done)
        await eventually_async(lambda: not Path(f"/proc/{reports[0].pid}").exists())


async def test_an_idle_background_node_ends_itself(settings: Settings) -> None:
    environment = {**os.environ, "INGLE_IDLE_EXIT": "0.1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "ingle.client.host"], env=environment, stdout=subprocess.DEVNULL
    )
    assert await asyncio.to_thread(process.wait, 20) == 0


async def test_sigterm_during_generation_ends_everything(settings: Settings) -> None:
    command = [sys.executable, "-m", "ingle.client.host"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    async with AsyncExitStack() as stack:
        node = await _soon(settings, stack)
        async with node.perform(endless()) as events:
            while not isinstance(await anext(events), Text):
                pass
            (worker,) = (await ask(node, NodeStatus(), StatusReport)).workers
            process.send_signal(signal.SIGTERM)
            with pytest.raises(NodeUnreachable):
                await _exhaust(events)
    assert await asyncio.to_thread(process.wait, 20) == 0
    assert not Path(f"/proc/{worker.pid}").exists()


async def test_sigterm_during_a_pull_keeps_what_has_arrived(
    settings: Settings, ember: Path
) -> None:
    data = ember.read_bytes()
    with FileServer() as server:
        url = server.add("/mine.gguf", data)
        server.files["/mine.gguf"].piece_s = 0.01
        process = subprocess.Popen(
            [sys.executable, "-m", "ingle.client.host"], stdout=subprocess.DEVNULL
        )
        async with AsyncExitStack() as stack:
            node = await _soon(settings, stack)
            async with node.perform(Pull(model="mine", source=url)) as events:
                async for event in events:
                    if isinstance(event, Progress) and event.completed > len(data) // 4:
                        break
                process.send_signal(signal.SIGTERM)
                with pytest.raises(NodeUnreachable):
                    await _exhaust(events)
        assert await asyncio.to_thread(process.wait, 20) == 0
        server.files["/mine.gguf"].piece_s = 0.0
        sent = server.sent
        async with reached(settings) as again:
            pulled = await ask(again, Pull(model="mine", source=url), Pulled)
        assert pulled.model.size == len(data)
        assert server.sent - sent < len(data) * 0.9


async def _exhaust(events: AsyncIterator[Event]) -> None:
    async for _ in events:
        pass


async def _soon(settings: Settings, stack: AsyncExitStack) -> SocketNode:
    found: list[SocketNode] = []

    async def reached() -> bool:
        with contextlib.suppress(NodeUnreachable):
            found.append(await SocketNode.connect(socket_path(settings.state_path)))
        return bool(found)

    await eventually_async(reached)
    stack.push_async_callback(found[0].aclose)
    return found[0]
