"""Reach this machine's node: the one that runs, one hosted here, or one started for it."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from typing import Literal

from ingle.config import Settings
from ingle.errors import NodeAlreadyRunning, NodeUnreachable
from ingle.node.node import Node
from ingle.node.socket import SocketNode, socket_path

Otherwise = Literal["host", "background", "fail"]
START_S = 20.0


async def connect(settings: Settings, stack: AsyncExitStack, otherwise: Otherwise) -> Node:
    """The node of the settings' state directory.

    Args:
        stack: is given what must be closed in the end.
        otherwise: what to do if none runs: ``host`` one in this process,
            start one in the ``background``, or ``fail``.

    Raises:
        NodeUnreachable: none runs, and none could be started.
    """
    path = socket_path(settings.state_path)
    try:
        node = await SocketNode.connect(path)
    except NodeUnreachable:
        if otherwise == "fail":
            raise
        if otherwise == "host":
            from ingle.node.host import host

            try:
                hosted, _ = await stack.enter_async_context(host(settings))
                return hosted
            except NodeAlreadyRunning:  # someone was quicker; use theirs
                node = await _await_socket(settings)
        else:
            node = await _start(settings)
    stack.push_async_callback(node.aclose)
    return node


async def _start(settings: Settings) -> SocketNode:
    """Start a background node that outlives this process."""
    logs = settings.state_path / "logs"
    logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (logs / "start.log").open("wb") as errors:
        launcher = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ingle.node.host",
            "--detach",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=environment(settings),
        )
    assert launcher.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            report = (await launcher.stdout.readline()).decode().strip()
            await launcher.wait()
    except TimeoutError:
        report = f"it was not ready within {START_S:.0f} s"
    if report not in {"ready"} and not report.startswith(NodeAlreadyRunning.code):
        raise NodeUnreachable(
            f"the background node did not start: {report or 'it died'}",
            hint=f"ingle logs, or look into {logs / 'start.log'}",
        )
    return await _await_socket(settings)


def environment(settings: Settings) -> dict[str, str]:
    """This process's environment, with the settings that flags may have changed."""
    import os

    import msgspec

    chosen = dict(os.environ)
    for name, value in msgspec.to_builtins(settings).items():
        if value != getattr(Settings(), name):
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            chosen[f"INGLE_{name.upper()}"] = text
    return chosen


async def _await_socket(settings: Settings) -> SocketNode:
    """Connect to a node that another process is just starting."""
    path = socket_path(settings.state_path)
    try:
        async with asyncio.timeout(START_S):
            while True:
                try:
                    return await SocketNode.connect(path)
                except NodeUnreachable:
                    await asyncio.sleep(0.01)
    except TimeoutError:
        raise NodeUnreachable(
            f"the node that holds {settings.state_path} does not listen", hint="ingle doctor"
        ) from None
