"""`WebSeed`: a `RangeSource` as libtorrent can use it, over HTTP on loopback (BEP 19).

libtorrent picks the pieces, spreads them over all sources and checks them; this
only carries bytes. Each source of each download has a port of its own, so that
what libtorrent says about an address (speed, wrong pieces, a ban) is about one
source, and a secret path, so that no one else on this machine reads along.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import re
import secrets
from collections.abc import AsyncGenerator, Callable

from ingle.errors import IngleError, NetworkError
from ingle.models import digest as digests
from ingle.peers.swarm.range_source import RangeSource

_log = logging.getLogger(__name__)
_HOST = "127.0.0.1"
_PIECE = 1 << 20
_HEAD = 8 << 10
"""Bytes of a request at most."""
_AT_ONCE = 2
"""Ranges that are asked of a source at the same time."""
_CONNECTIONS = 8
"""libtorrent holds two; the rest are strangers and late closers."""
_RANGE = re.compile(rb"\r\nrange: *bytes=([0-9]{1,14})-([0-9]{1,14})\r\n", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True)
class RetryLimits:
    """How long a source that fails is tried again."""

    stall_s: float = 15.0
    """A read from which nothing comes for so long has failed."""
    failures: int = 5
    """In a row, without a byte between them; then the source is lost."""
    backoff_s: float = 0.5
    """The first pause; doubles each time."""
    first_request_s: float = 10.0
    """How long a connection may take to say what it wants."""


class WebSeed:
    """One source of one download. `open` it, give `url` to libtorrent, `close` it."""

    def __init__(
        self,
        source: RangeSource,
        digest: str,
        size: int,
        patience: RetryLimits | None = None,
    ) -> None:
        self.source = source
        self.sent = 0
        """Bytes that it has given."""
        self.lost: IngleError | None = None
        """Why it is no longer asked."""
        self._digest = digest
        self._size = size
        self._patience = patience or RetryLimits()
        self.on_bytes: Callable[[int, int], None] = lambda _start, _end: None
        """Told which bytes go to libtorrent."""
        self._paths: list[bytes] = []
        self.rename()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._not_before = 0.0

    async def open(self) -> None:
        """Listen on a free port of loopback."""
        self._server = await asyncio.start_server(self._connected, _HOST, 0, limit=_HEAD)

    async def close(self) -> None:
        """Stop listening, and whatever is being read."""
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def rename(self) -> None:
        """Take other secret paths: for libtorrent it is then someone it never met."""
        self._paths = [f"/{secrets.token_urlsafe(24)}".encode() for _ in range(_AT_ONCE)]

    @property
    def port(self) -> int:
        """Of this source alone."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def urls(self) -> list[str]:
        """For libtorrent, and no one else. It asks by each for one range at a time, so that
        with two the line to the source is not idle between one range and the next."""
        return [f"http://{_HOST}:{self.port}{path.decode()}" for path in self._paths]

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= _CONNECTIONS:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(high=_PIECE)
        try:
            known = False
            while True:
                async with asyncio.timeout(None if known else self._patience.first_request_s):
                    head = await reader.readuntil(b"\r\n\r\n")
                line = head.split(b"\r\n", 1)[0].split(b" ")
                if len(line) != 3 or not self._knows(line[1]):
                    writer.write(_answer("404 Not Found"))
                    await writer.drain()
                    break
                known = True
                if not await self._answered(head, line[0], writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # it went, or is not an HTTP client
        except TimeoutError:
            pass
        finally:
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _knows(self, path: bytes) -> bool:
        # libtorrent puts the name of the file behind it, if the last piece is a short one.
        path = path.removesuffix(b"/" + digests.hex_part(self._digest).encode())
        return any(secrets.compare_digest(path, known) for known in self._paths)

    async def _answered(self, head: bytes, method: bytes, writer: asyncio.StreamWriter) -> bool:
        """Answer a request; False: the connection is of no more use."""
        found = _RANGE.search(head)
        start, end = (int(found[1]), int(found[2]) + 1) if found else (0, self._size)
        wait = self._not_before - asyncio.get_running_loop().time()
        if method != b"GET" or not start < end <= self._size:
            writer.write(_answer("416 Range Not Satisfiable"))
        elif self.lost is None and wait <= 0:
            return await self._sent(start, end, writer, part=found is not None)
        # Else it is hung up on: libtorrent comes back in a moment. After a status of an
        # error it would give the source up.
        await writer.drain()
        return False

    async def _sent(
        self, start: int, end: int, writer: asyncio.StreamWriter, *, part: bool
    ) -> bool:
        """Pass a range on; False: the source failed in the middle of it."""
        headers = [f"Content-Length: {end - start}"]
        if part:
            headers.append(f"Content-Range: bytes {start}-{end - 1}/{self._size}")
        writer.write(_answer("206 Partial Content" if part else "200 OK", *headers, length=False))
        at = start
        try:
            async with contextlib.aclosing(self._pieces(start, end)) as pieces:
                async for piece in pieces:
                    at += len(piece)
                    if at > end:
                        raise NetworkError(f"{self.source.name} sent more than requested")
                    self.on_bytes(at - len(piece), at)
                    for cut in range(0, len(piece), _PIECE):
                        writer.write(piece[cut : cut + _PIECE])
                        await writer.drain()
                    self.sent += len(piece)
                    self._failures = 0
            if at < end:
                raise NetworkError(f"{self.source.name} closed the connection early")
        except IngleError as error:
            self._failed(error)
            return False
        return True

    async def _pieces(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        stream = self.source.read(self._digest, start, end)
        try:
            while True:
                try:
                    async with asyncio.timeout(self._patience.stall_s):
                        piece = await anext(stream, None)
                except TimeoutError:
                    raise NetworkError(f"{self.source.name} stopped sending") from None
                if piece is None:
                    return
                yield piece
        finally:
            closing = getattr(stream, "aclose", None)
            if closing is not None:
                await closing()

    def _failed(self, error: IngleError) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._not_before:
            return  # the other range, by the same cause
        self._failures += 1
        self._not_before = now + self._patience.backoff_s * 2 ** (self._failures - 1)
        _log.info("%s: %s (failure %d)", self.source.name, error.message, self._failures)
        if self._failures >= self._patience.failures and self.lost is None:
            self.lost = error


def _answer(status: str, *headers: str, length: bool = True) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, *(["Content-Length: 0"] if length else [])]
    return "\r\n".join([*lines, "", ""]).encode()
