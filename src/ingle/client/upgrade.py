"""Taking over from a background node of an older version, which ends when it is idle.

The node decides. Only ingle 0.1 cannot be asked: whether it is idle is found out from outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ingle.capabilities.node.operation import HandOver, NodeStatus, Shutdown, StatusReport
from ingle.capabilities.runs.operation import ListRuns, RunList
from ingle.errors import CapabilityMissing, NodeUnreachable
from ingle.jobs.job import ACTIVE
from ingle.node.node import ask
from ingle.node.socket import SocketNode
from ingle.operations import Done

END_S = 5.0
"""Seconds in which a node that hands over has closed its socket."""
CONNECTED = "03"
"""A unix socket's state in Linux's list of them; before it stands its type, 1 for a stream."""


async def took_over(node: SocketNode, socket: Path) -> bool:
    """Ask a background node of an older version to end, and see whether it does so now.

    A node that is at work ends when it is done; until then it is used as it is.

    Args:
        node: connected; closed if it has ended.
        socket: where it listens.
    """
    from importlib.metadata import version

    if not older(str(node.facts.get("version", "")), version("ingle")):
        return False
    try:
        if "speaks" in node.facts:
            request = HandOver(version=version("ingle"))
            ended = (await ask(node, request, Done)).message == "now"
        else:
            ended = await _ended_when_idle(node, socket)
    except CapabilityMissing:
        return False
    except NodeUnreachable:  # another command was quicker
        ended = True
    if ended:
        await gone(node)
    return ended


async def gone(node: SocketNode) -> None:
    """Return when a node that ends has hung up. It listens no more by then."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_S):
            await node.wait_closed()
    await node.aclose()


def older(one: str, other: str) -> bool:
    """Is a version older than another? A version that cannot be read is not."""

    def key(version: str) -> list[int]:
        public = version.partition("+")[0]
        return [int(part) for part in public.split(".") if part.isdigit()]

    return bool(key(one)) and key(one) < key(other)


# -- ingle 0.1 ------------------------------------------------------------------


async def _ended_when_idle(node: SocketNode, socket: Path) -> bool:
    """The same for ingle 0.1, which cannot be asked to hand over, and does not say what it is for.

    It is ended if its command line is the background node's, no one else is connected to it,
    and it does nothing.
    """
    async with _alone(socket):
        if not _is_background(node.facts.get("pid")) or callers(socket) != 1:
            return False
        report = await ask(node, NodeStatus(), StatusReport)
        runs = (await ask(node, ListRuns(), RunList)).runs
        working = any(worker.active or worker.queued for worker in report.workers)
        if working or report.suspended or any(run.state in ACTIVE for run in runs):
            return False
        await ask(node, Shutdown(), Done)
        await gone(node)
        return True


@asynccontextmanager
async def _alone(socket: Path) -> AsyncIterator[None]:
    """Wait until no other command is looking whether that node is idle, or is ending it."""
    handle = os.open(
        socket.with_suffix(".taking-over"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(0.02)
        yield
    finally:
        os.close(handle)


def _is_background(pid: object) -> bool:
    """Was this process started as a background node? Only where the system tells."""
    with contextlib.suppress(OSError):
        return b"ingle.client.host" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def callers(socket: Path) -> int | None:
    """How many are connected to a unix socket; None where the system does not tell."""
    try:
        lines = Path("/proc/net/unix").read_text().splitlines()[1:]
    except OSError:
        return None
    fields = [line.split(maxsplit=7) for line in lines]
    return sum(
        len(each) == 8 and each[7] == str(socket) and each[5] == CONNECTED for each in fields
    )
