"""Running the application: bind, say where, answer, stop cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import math
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec

import anyio
import uvicorn
from starlette.routing import BaseRoute

from ingle.node.node import Node
from ingle.server.application import create_application
from ingle.server.endpoint import EndpointContext
from ingle.server.listen_address import Address, bind, bound, check_exposure
from ingle.server.listener import Listener
from ingle.server.log_allowance import AllowanceFilter
from ingle.server.open_connections import OpenConnections
from ingle.server.security import is_loopback
from ingle.server.settings import DEFAULT_PORT, LOOPBACK, ConnectionLimits, ServerSettings

__all__ = ["DEFAULT_PORT", "serve"]

_TICKS_PER_LOOK = 3
"""uvicorn ticks ten times a second."""
_LAST_RESORT_S = 2.0


async def serve(
    node: Node,
    *,
    host: str = LOOPBACK,
    port: int = DEFAULT_PORT,
    settings: ServerSettings | None = None,
    extra: Sequence[BaseRoute] = (),
    grace_s: float = 3.0,
    on_ready: Callable[[Address], None] | None = None,
    stop: anyio.Event | None = None,
    handle_signals: bool = True,
) -> None:
    """Answer over HTTP until SIGTERM, SIGINT or ``stop``.

    Args:
        node: Performs the operations; the caller closes it.
        host: An address of this machine; beyond loopback a token is needed.
        port: 0 takes any free port; ``on_ready`` tells which.
        settings: Token, names, origins, limits.
        extra: Further routes, such as the web page.
        grace_s: Seconds that answers under way may still take after a stop;
            what is not done by then ends with an error chunk. A second signal
            ends them at once.
        on_ready: Called with the address once connections are accepted.
        stop: Ends the server when set.
        handle_signals: Install handlers for SIGTERM and SIGINT meanwhile
            (only in the main thread).

    Raises:
        Refused: beyond loopback without a token.
        ConfigError: the port is taken, or the host is not one of ours.
    """
    chosen = settings or ServerSettings()
    check_exposure(host, chosen.token)
    if not is_loopback(host):
        chosen = dataclasses.replace(
            chosen, any_address=True, hosts=(*chosen.hosts, host, *_own_names())
        )
    sock = bind(host, port)
    try:
        application = create_application(node, chosen, extra=extra)
        floor: EndpointContext = application.state.floor
        try:
            config = _config(application, chosen.connections, grace_s)
            server = _Server(config, floor, sock, on_ready, grace_s)
            await server.run_until(stop, handle_signals=handle_signals)
        finally:
            floor.close()
    finally:
        sock.close()


class _Server(uvicorn.Server):
    """uvicorn, with our signals, our notice of readiness and our way to stop."""

    def __init__(
        self,
        config: uvicorn.Config,
        floor: EndpointContext,
        sock: socket.socket,
        on_ready: Callable[[Address], None] | None,
        grace_s: float,
    ) -> None:
        super().__init__(config)
        limits = floor.settings.connections
        config.load()
        self._opened = OpenConnections(limits, floor.metrics)
        self._listener = Listener(sock, config, self.server_state, limits, self._opened)
        self._floor = floor
        self._socket = sock
        self._on_ready = on_ready
        self._grace_s = grace_s

    async def run_until(self, stop: anyio.Event | None, *, handle_signals: bool) -> None:
        """Serve until told to stop; returns when every answer has ended."""
        async with anyio.create_task_group() as group:
            if stop is not None:
                group.start_soon(self._await_stop, stop)
            if handle_signals and threading.current_thread() is threading.main_thread():
                group.start_soon(self._await_signals)
            await self.serve(sockets=[self._socket])
            group.cancel_scope.cancel()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, and say so."""
        await super().startup(sockets=[])  # the listener accepts, within its bounds
        self._listener.start()
        if self._on_ready is not None:
            self._on_ready(bound(self._socket))

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; uvicorn's own duties, and ending the connections that are overdue."""
        if counter % _TICKS_PER_LOOK == 0:
            self._opened.look(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, let answers finish for a while, then end them."""
        self._listener.close()
        async with anyio.create_task_group() as group:
            group.start_soon(self._end_answers)
            await super().shutdown(sockets=sockets)
            group.cancel_scope.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: `_await_signals` does it, without raising the signal again afterwards."""
        yield

    async def _await_stop(self, stop: anyio.Event) -> None:
        await stop.wait()
        self.should_exit = True

    async def _await_signals(self) -> None:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for _ in signals:
                if self.should_exit:
                    self._floor.stop()
                self.should_exit = True

    async def _end_answers(self) -> None:
        await anyio.sleep(self._grace_s)
        self._floor.stop()


def _config(application: object, limits: ConnectionLimits, grace_s: float) -> uvicorn.Config:
    # Its lines would hold the query of each request; ours do not (see access.py).
    logging.getLogger("uvicorn.access").disabled = True
    _hold_to_allowance(logging.getLogger("uvicorn.error"))
    return uvicorn.Config(
        application,  # type: ignore[arg-type]
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        # Without the package a request for one is answered as any other.
        ws="websockets-sansio" if find_spec("websockets") else "none",
        ws_max_size=limits.message_bytes,
        ws_per_message_deflate=False,  # a small message could unpack to any size
        timeout_keep_alive=math.ceil(limits.keep_alive_s),
        # The last resort, for a client that does not even take its error chunk.
        timeout_graceful_shutdown=math.ceil(grace_s + _LAST_RESORT_S),
    )


def _hold_to_allowance(logger: logging.Logger) -> None:
    if not any(isinstance(each, AllowanceFilter) for each in logger.filters):
        logger.addFilter(AllowanceFilter())


def _own_names() -> tuple[str, ...]:
    name = socket.gethostname().lower()
    return (name, name.partition(".")[0] + ".local")
