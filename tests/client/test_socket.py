"""The node's socket: the same interface from another process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
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
from ingle.errors import ModelNotFound, NodeUnreachable
from ingle.node.node import ask
from ingle.node.socket import SocketNode, socket_path
from ingle.operations import Done, Event, Message, Progress, Sampling, Text
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
        assert (await ask(node, ListModels(), Models)).models[0].name == "ember"
        with pytest.raises(ModelNotFound):
            await ask(node, Chat(model="nope", messages=endless().messages), Done)


async def test_only_its_owner_may_enter(settings: Settings) -> None:
    async with host(settings) as (_, server):
        assert server.path.stat().st_mode & 0o077 == 0
        assert settings.state_path.stat().st_mode & 0o077 == 0


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
