"""Reach this machine's node: the one that runs, one hosted here, or one started for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Literal

from ingle.capabilities.node.operation import HandOver, NodeStatus, Shutdown, StatusReport
from ingle.config import Settings
from ingle.errors import (
    CapabilityMissing,
    IngleError,
    NodeAlreadyRunning,
    NodeUnreachable,
    StorageError,
    from_data,
)
from ingle.node.node import Node, ask
from ingle.node.socket import SocketNode, socket_path
from ingle.operations import Done, Event, Operation
from ingle.operations.encoded import Passed
from ingle.protocol.inlet import Feed

Otherwise = Literal["host", "background", "fail"]
START_S = 20.0
END_S = 5.0
"""Seconds in which a node that hands over has closed its socket."""
_PATHS = frozenset({"state_dir", "models_dir", "llama_server"})


async def connect(settings: Settings, stack: AsyncExitStack, otherwise: Otherwise) -> Node:
    """The node of the settings' state directory.

    Args:
        stack: is given what must be closed in the end.
        otherwise: what to do if none runs: ``host`` one in this process,
            start one in the ``background``, or ``fail``.

    Raises:
        NodeUnreachable: none runs, and none could be started.
        StorageError: the state directory cannot be used.
    """
    try:
        return await _connect(settings, stack, otherwise)
    except OSError as error:
        raise StorageError(
            f"the state directory {settings.state_path} cannot be used: "
            f"{error.strerror or error}" + (f" ({error.filename})" if error.filename else ""),
            hint="ingle doctor, or set another INGLE_STATE_DIR",
        ) from error


async def _connect(settings: Settings, stack: AsyncExitStack, otherwise: Otherwise) -> Node:
    async def again() -> SocketNode:
        try:
            return await SocketNode.connect(socket_path(settings.state_path))
        except NodeUnreachable:
            if otherwise == "fail":
                raise
            return await _start(settings)

    try:
        running = await SocketNode.connect(socket_path(settings.state_path))
        if await taken_over(running):
            raise NodeUnreachable("an older node has ended for this version")
        node = _Elsewhere(running, again)
    except NodeUnreachable:
        if otherwise == "fail":
            raise
        if otherwise == "background":
            node = _Elsewhere(await _start(settings), again)
            stack.push_async_callback(node.aclose)
            return node
        from ingle.client.host import host

        try:
            hosted, _ = await stack.enter_async_context(host(settings))
            return hosted
        except NodeAlreadyRunning:  # someone was quicker; use theirs
            node = _Elsewhere(await _await_socket(settings), again)
    stack.push_async_callback(node.aclose)
    return node


class _Elsewhere:
    """The node in another process; reached (or started) again if that process has ended."""

    def __init__(self, node: SocketNode, again: Callable[[], Awaitable[SocketNode]]) -> None:
        self._node = node
        self._reach = again
        self._one_at_a_time = asyncio.Lock()

    def perform(
        self, operation: Operation, feed: Feed | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        if self._node.closed:
            return self._again(operation, feed)
        return self._node.perform(operation, feed)

    @asynccontextmanager
    async def relay(
        self, operation: Operation, feed: Feed | None = None
    ) -> AsyncIterator[AsyncIterator[Passed]]:
        async with self.perform(operation, feed) as events:
            yield events

    @asynccontextmanager
    async def _again(
        self, operation: Operation, feed: Feed | None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        async with self._one_at_a_time:
            if self._node.closed:
                await self._node.aclose()
                self._node = await self._reach()
        async with self._node.perform(operation, feed) as events:
            yield events

    async def aclose(self) -> None:
        await self._node.aclose()


async def _start(settings: Settings) -> SocketNode:
    """Start a background node that outlives this process."""
    logs = settings.state_path / "logs"
    logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    # It must not import what lies in the current folder (-P), nor keep that folder busy.
    command = [sys.executable, "-P", "-m", "ingle.client.host", "--detach"]
    with (logs / "start.log").open("wb") as errors:
        launcher = await asyncio.create_subprocess_exec(
            *command,
            cwd=settings.state_path,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=environment(settings),
        )
    assert launcher.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            report = (await launcher.stdout.read()).decode().strip()  # it closes it when ready
            await launcher.wait()
    except TimeoutError:
        report = f"it was not ready within {START_S:.0f} s"
    finally:
        # Nothing public closes the pipe when we are cancelled; it ends the process, too.
        launcher._transport.close()  # type: ignore[attr-defined]
    if report not in {"ready"} and not report.startswith(NodeAlreadyRunning.code):
        code, _, message = report.partition(" ")
        hint = f"ingle doctor, or look into {logs / 'start.log'}"
        error = from_data({"code": code, "message": message, "hint": hint})
        if type(error) is not IngleError:  # it could say why
            raise error
        raise NodeUnreachable(
            f"the background node did not start: {report or 'it died'}", hint=hint
        )
    return await _await_socket(settings)


def environment(settings: Settings) -> dict[str, str]:
    """This process's environment, with exactly these settings, and no path relative to here."""
    import msgspec

    chosen = dict(os.environ)
    for name, value in msgspec.to_builtins(settings).items():
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        variable = f"INGLE_{name.upper()}"
        chosen.pop(variable, None)
        if text:
            chosen[variable] = _absolute(text) if name in _PATHS else text
    if "INGLE_CONFIG" in chosen:
        chosen["INGLE_CONFIG"] = _absolute(chosen["INGLE_CONFIG"])
    return chosen


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())


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


async def taken_over(node: SocketNode) -> bool:
    """Ask a background node of an older version to end, and see whether it does so now.

    A node that is at work ends when it is done; until then it is used as it is.
    """
    from importlib.metadata import version

    if not older(str(node.facts.get("version", "")), version("ingle")):
        return False
    try:
        if node.facts.get("serving") == "background":
            ended = (await ask(node, HandOver(version=version("ingle")), Done)).message == "now"
        else:
            ended = await _ended_when_idle(node)
    except CapabilityMissing:
        return False
    if not ended:
        return False
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_S):
            await node.wait_closed()
    await node.aclose()
    return True


async def _ended_when_idle(node: SocketNode) -> bool:
    """The same for ingle 0.1, which cannot be asked to hand over, and does not say what it is for.

    It is ended if its command line is the background node's, and it does nothing.
    """
    if "speaks" in node.facts or not _is_background(node.facts.get("pid")):
        return False
    report = await ask(node, NodeStatus(), StatusReport)
    if any(worker.active or worker.queued for worker in report.workers):
        return False
    await ask(node, Shutdown(), Done)
    return True


def _is_background(pid: object) -> bool:
    """Was this process started as a background node? Only where the system tells."""
    with contextlib.suppress(OSError):
        return b"ingle.client.host" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def older(one: str, other: str) -> bool:
    """Is a version older than another? A version that cannot be read is not."""

    def key(version: str) -> list[int]:
        return [int(part) for part in version.split(".") if part.isdigit()]

    return bool(key(one)) and key(one) < key(other)
