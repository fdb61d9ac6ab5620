"""Accepting connections. asyncio's own way tries on and on when there are no descriptors left."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from ingle.errors import Busy
from ingle.server.http_connection import HttpConnection
from ingle.server.log_allowance import LogAllowance
from ingle.server.open_connections import ConnectionAdmission, OpenConnections, counted_address
from ingle.server.refusal import refuse
from ingle.server.settings import ConnectionLimits

log = logging.getLogger("ingle.server.listener")

_AT_ONCE = 64
"""Connections that are taken before those that are open get a turn."""
_NO_DESCRIPTORS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_RESERVE = 4
"""Descriptors that are kept for `/healthz` where all others are in use."""
_RETRY_S = 0.2
_HEALTH = "/healthz"
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n"
    b"content-length: 0\r\n\r\n"
)


class Listener:
    """Takes connections from a listening socket, within the bounds."""

    def __init__(
        self,
        sock: socket.socket,
        config: uvicorn.Config,
        state: ServerState,
        limits: ConnectionLimits,
        opened: OpenConnections,
    ) -> None:
        self._socket = sock
        self._config = config
        self._state = state
        self._limits = limits
        self._opened = opened
        self._loop = asyncio.get_running_loop()
        self._reserve: list[int] = []
        self._starting: set[asyncio.Task[object]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._allowance = LogAllowance()

    def start(self) -> None:
        """Take connections from now on."""
        self._fill_reserve()
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def close(self) -> None:
        """Take no more. The socket is closed by whom it belongs to."""
        if self._retry is not None:
            self._retry.cancel()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
        while self._reserve:
            os.close(self._reserve.pop())

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                sock, peer = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                break
            except OSError as error:
                if error.errno not in _NO_DESCRIPTORS:
                    raise
                self._without_descriptors(error)
                return
            address = counted_address(str(peer[0]))
            self._admit(sock, address, self._opened.admission(address))
        self._fill_reserve()

    def _admit(self, sock: socket.socket, address: str, admission: ConnectionAdmission) -> None:
        sock.setblocking(False)
        if admission is ConnectionAdmission.NONE:
            with sock, contextlib.suppress(OSError):
                sock.send(_BUSY)
            return
        spare = admission is ConnectionAdmission.SPARE
        connection = HttpConnection(
            self._config,
            self._state,
            self._limits,
            application=self._only_health if spare else self._config.loaded_app,
            address=address,
            spare=spare,
            lost=self._opened.discard,
        )
        self._opened.add(connection)
        starting = self._loop.create_task(self._start(connection, sock))
        self._starting.add(starting)
        starting.add_done_callback(self._starting.discard)

    async def _start(self, connection: HttpConnection, sock: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: connection, sock)
        except OSError:
            self._opened.discard(connection)
            sock.close()

    def _without_descriptors(self, error: OSError) -> None:
        ended = self._opened.end_idle()
        if self._allowance.take():
            log.warning(
                "no file descriptors left (%s): %d idle connections closed%s",
                error.strerror,
                ended,
                self._allowance.note(),
            )
        if ended:
            return  # the loop calls again at once, as the client is still waiting
        if self._reserve:
            os.close(self._reserve.pop())
            with contextlib.suppress(OSError):
                sock, peer = self._socket.accept()
                self._admit(sock, counted_address(str(peer[0])), ConnectionAdmission.SPARE)
            return
        # The socket stays readable: without a pause the loop would do nothing else.
        self._loop.remove_reader(self._socket.fileno())
        self._retry = self._loop.call_later(_RETRY_S, self._again)

    def _again(self) -> None:
        self._retry = None
        self._fill_reserve()
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def _fill_reserve(self) -> None:
        with contextlib.suppress(OSError):
            while len(self._reserve) < _RESERVE:
                self._reserve.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))

    async def _only_health(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == _HEALTH:
            await self._config.loaded_app(scope, receive, send)
        else:
            await refuse(
                scope,
                send,
                Busy(
                    "too many connections are open",
                    hint="try again in a moment, or raise the setting http_connections",
                    limit=self._limits.connections,
                ),
            )
