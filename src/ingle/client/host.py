"""Hosting a node in a process: its socket, its signals, its end.

``python -m ingle.client.host`` is the background node that the command line
starts on demand, so that models stay warm between commands.
"""

from __future__ import annotations

import asyncio
import logging
import logging.handlers
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from ingle.config import Settings, load
from ingle.engines import privileges
from ingle.errors import IngleError, StorageError
from ingle.node.descriptors import raise_descriptor_limit
from ingle.node.socket import SocketServer, socket_path
from ingle.peers.peered_node import PeeredNode

log = logging.getLogger("ingle.client.host")

LOG_BYTES = 4 * 2**20
DETACH = "--detach"
READY = "ready"
"""What the background process writes to stdout when others can connect; else an error's code."""


@asynccontextmanager
async def host(
    settings: Settings, serving: str = "foreground"
) -> AsyncIterator[tuple[PeeredNode, SocketServer]]:
    """A `PeeredNode` that other processes reach at the state directory's socket.

    Args:
        serving: ``background`` if the node ends by itself, also for a newer version's sake.

    Raises:
        NodeAlreadyRunning: another process hosts it.
    """
    privileges.forbid_looking_in()
    node = await PeeredNode.open(settings)
    try:
        node.local.serving = serving
        facts = {"version": version("ingle"), "pid": os.getpid(), "serving": serving}
        server = SocketServer(node, socket_path(settings.state_path), facts)
        await server.start()
        try:
            yield node, server
        finally:
            await server.close(node.local.shutdown_error())
    finally:
        await node.aclose()


def shutdown_requested(node: PeeredNode) -> asyncio.Event:
    """An event that is set by SIGTERM, SIGINT, or a `Shutdown` operation."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    node.local.closed.add_done_callback(lambda _: told.set())
    return told


def log_to_file(settings: Settings) -> None:
    """Write the log to the state directory, in two files of bounded size."""
    folder = settings.state_path / "logs"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handler = logging.handlers.RotatingFileHandler(
        folder / "node.log", maxBytes=LOG_BYTES, backupCount=1
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


async def _background(settings: Settings) -> None:
    async with host(settings, "background") as (node, server):
        log.info("background node %s on %s", os.getpid(), settings.state_path)
        told = shutdown_requested(node)
        _report(READY)
        while not told.is_set():
            await asyncio.wait([asyncio.create_task(told.wait())], timeout=1.0)
            if node.busy or server.connections:
                node.local.last_used = time.monotonic()
            idle = time.monotonic() - node.local.last_used
            if 0 <= settings.idle_exit_s < idle:
                log.info("idle for %.0f s; the node ends", idle)
                return


def _report(line: str) -> None:
    """One line to the program that started us; then stdout is closed, since it will be gone."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def main() -> None:
    """Entry point of the background process; settings come from the environment and files.

    With ``--detach`` it leaves its parent first, so that no one has to reap it.
    """
    if DETACH in sys.argv:
        if os.fork():
            os._exit(0)
        os.setsid()
    try:
        settings, _ = load()
        privileges.wipe_environment()
        log_to_file(settings)
        raise_descriptor_limit()
        asyncio.run(_background(settings))
    except IngleError as error:
        log.error("%s (%s)", error.message, error.hint)
        _report(f"{error.code} {error.message}")
        sys.exit(error.exit_code)
    except OSError as error:
        # The border of the process. Where the disk is full this line is all that can be left.
        _report(f"{StorageError.code} the node could not start: {error}")
        raise


if __name__ == "__main__":
    main()
