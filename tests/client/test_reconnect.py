"""A node in another process that ends is reached, or started, again."""

from __future__ import annotations

import os
import signal
from contextlib import AsyncExitStack

import pytest

from ingle.capabilities.node.operation import NodeStatus, Shutdown, StatusReport
from ingle.client.connect import connect
from ingle.config import Settings
from ingle.errors import NodeUnreachable
from ingle.node.node import Node, ask
from ingle.operations import Done

pytestmark = pytest.mark.anyio


async def _pid(node: Node) -> int:
    """The node's process, asked until a connection that is just breaking has broken."""
    while True:
        try:
            return (await ask(node, NodeStatus(), StatusReport)).pid
        except NodeUnreachable:
            continue


async def test_a_node_that_was_killed_is_reached_again(settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        node = await connect(settings, stack, "background")
        before = await _pid(node)
        os.kill(before, signal.SIGKILL)
        after = await _pid(node)
        while after == before:
            after = await _pid(node)
        assert after != before
        await ask(node, Shutdown(), Done)
