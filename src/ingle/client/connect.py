"""Reach this machine's node: the one that runs, one hosted here, or one started for it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal, TypeVar

from ingle.client.reconnecting_node import ReconnectingNode
from ingle.client.upgrade import took_over
from ingle.config import Settings
from ingle.errors import (
    IngleError,
    NodeAlreadyRunning,
    NodeUnreachable,
    StorageError,
    from_data,
)
from ingle.node.node import Node
from ingle.node.socket import SocketNode, socket_path

Otherwise = Literal["host", "background", "fail"]
N = TypeVar("N")
START_S = 20.0
SOON_S = 0.5
"""Seconds in which a node that is starting should listen; after them it may be one that ends."""
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
    socket = socket_path(settings.state_path)

    async def again() -> SocketNode:
        try:
            return await SocketNode.connect(socket)
        except NodeUnreachable:
            if otherwise == "fail":
                raise
            return await _background(settings)

    found: Node | None = None
    try:
        running = await SocketNode.connect(socket)
        stack.push_async_callback(running.aclose)
        # Who only looks at what runs (`ps`, `stop`) does not end it.
        if otherwise == "fail" or not await took_over(running, socket):
            found = ReconnectingNode(running, again)
    except NodeUnreachable:
        if otherwise == "fail":
            raise
    if found is None and otherwise == "background":
        found = ReconnectingNode(await _background(settings), again)
    elif found is None:

        async def host_it() -> Node:
            from ingle.client.host import host

            hosted, _ = await stack.enter_async_context(host(settings))
            return hosted

        hosted = await _begun(settings, host_it)
        found = ReconnectingNode(hosted, again) if isinstance(hosted, SocketNode) else hosted
    if isinstance(found, ReconnectingNode):
        stack.push_async_callback(found.aclose)
    return found


async def _background(settings: Settings) -> SocketNode:
    """A background node that outlives this process."""
    return await _begun(settings, lambda: _start(settings))


async def _begun(settings: Settings, begin: Callable[[], Awaitable[N]]) -> N | SocketNode:
    """What ``begin`` gives, or the node that someone else has begun meanwhile.

    While a node holds the state directory, it may be starting, and can soon be reached; or ending,
    for us or by itself, and then there is none unless we begin one.
    """
    until = asyncio.get_running_loop().time() + START_S
    while True:
        try:
            return await begin()
        except NodeAlreadyRunning:
            running = await _soon(socket_path(settings.state_path))
            if running is not None:
                return running
            if asyncio.get_running_loop().time() > until:
                raise NodeUnreachable(
                    f"a node holds {settings.state_path}, but is not listening",
                    hint="ingle doctor",
                ) from None


async def _soon(socket: Path) -> SocketNode | None:
    """Connect to a node that another process may just be starting."""
    until = asyncio.get_running_loop().time() + SOON_S
    while True:
        try:
            return await SocketNode.connect(socket)
        except NodeUnreachable:
            if asyncio.get_running_loop().time() > until:
                return None
            await asyncio.sleep(0.01)


async def _start(settings: Settings) -> SocketNode:
    """Start a process with a node.

    Raises:
        NodeAlreadyRunning: another process has one of this state directory.
    """
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
    if report == "ready":
        return await SocketNode.connect(socket_path(settings.state_path))
    code, _, message = report.partition(" ")
    hint = f"ingle doctor, or look into {logs / 'start.log'}"
    error = from_data({"code": code, "message": message, "hint": hint})
    if type(error) is not IngleError:  # it could say why
        raise error
    report = report or _last_words(logs / "start.log") or "it died"
    raise NodeUnreachable(f"the background node did not start: {report}", hint=hint)


def _last_words(path: Path) -> str:
    """The line of a log that says best why its process ended."""
    from ingle.engines.death import last_words

    return last_words(path.read_text(errors="replace").splitlines())


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
