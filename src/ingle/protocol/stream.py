"""What a connection needs of its transport, and asyncio's streams as one."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol


class ByteStream(Protocol):
    """What a connection needs of its transport. `asyncio`'s streams fit through `SocketStream`."""

    async def receive(self) -> bytes:
        """Some bytes; empty at the end of the stream."""
        ...

    def send(self, data: bytes) -> None:
        """Queue bytes."""
        ...

    async def drain(self) -> None:
        """Wait until the queue is short again."""
        ...

    def close(self) -> None:
        """Close both directions; may be called twice."""
        ...


class SocketStream:
    """A `ByteStream` over asyncio's reader and writer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def receive(self) -> bytes:
        try:
            return await self._reader.read(1 << 18)
        except (ConnectionError, BrokenPipeError):
            return b""

    def send(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)

    async def drain(self) -> None:
        with contextlib.suppress(ConnectionError, BrokenPipeError):
            await self._writer.drain()

    def close(self) -> None:
        self._writer.close()
