"""A program outlives the node that it reached."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Literal

import pytest

import ingle
from ingle import Settings
from ingle.capabilities.node.operation import Shutdown
from ingle.errors import NodeUnreachable
from ingle.operations import Done

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("otherwise", ["host", "background", "fail"])
async def test_a_node_that_ends_is_started_again(
    settings: Settings, otherwise: Literal["host", "background", "fail"]
) -> None:
    async with ingle.open_async(settings, otherwise="background") as starter:
        async with ingle.open_async(settings, otherwise=otherwise) as home:
            before = (await home.status()).pid
            assert before != os.getpid()
            os.kill(before, signal.SIGKILL)
            async with asyncio.timeout(10):
                while True:
                    try:
                        after = (await home.status()).pid
                    except NodeUnreachable:  # our end has not yet heard of it, or it must fail
                        if otherwise == "fail" and not Path(f"/proc/{before}").exists():
                            return
                    else:
                        break
            assert after != before
        await starter.ask(Shutdown(), Done)
