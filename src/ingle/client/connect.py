"""Reach this machine's node: the one that runs, one hosted here, or one started for it."""

from __future__ import annotations

import asyncio
import subprocess
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
                node = await _await_socket(settings, None)
        else:
            node = await _start(settings)
    stack.push_async_callback(node.aclose)
    return node


async def _start(settings: Settings) -> SocketNode:
    """Start a background node that outlives this process."""
    logs = settings.state_path / "logs"
    logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (logs / "start.log").open("wb") as output:
        process = subprocess.Popen(  # noqa: ASYNC220 (it must outlive us and our loop)
            [sys.executable, "-m", "ingle.node.host"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=environment(settings),
        )
    return await _await_socket(settings, process)


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


async def _await_socket(settings: Settings, process: subprocess.Popen[bytes] | None) -> SocketNode:
    """Connect as soon as the node listens."""
    path = socket_path(settings.state_path)
    deadline = asyncio.get_running_loop().time() + START_S
    while asyncio.get_running_loop().time() < deadline:
        try:
            return await SocketNode.connect(path)
        except NodeUnreachable:
            # Another command may have started one at the same moment: then
            # ours ends with "already running", and theirs soon listens.
            if process is not None and process.poll() not in (None, 1):
                break
            await asyncio.sleep(0.01)
    raise NodeUnreachable(
        f"the background node did not start within {START_S:.0f} s",
        hint="ingle logs",
    )
