"""The node's unix socket: `SocketServer` offers a node on it, `SocketNode` reaches one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from ingle.errors import IngleError, NodeUnreachable, Unauthorized
from ingle.node.door import TOKEN, SocketDoor, shown_token
from ingle.node.node import Node
from ingle.operations import Event, Operation
from ingle.operations.encoded import Passed
from ingle.protocol.connection import Connection, PieceStream, SocketStream

log = logging.getLogger(__name__)

HELLO_S = 10.0
MAX_PATH = 100
"""Bytes that fit into a unix socket's address on every platform."""


def socket_path(state: Path) -> Path:
    """Where the node of a state directory listens.

    The address of a unix socket is short; for a deep state directory the socket
    lies in a private directory under the temporary one, named by a hash.
    """
    path = state / "node.sock"
    if len(os.fsencode(path)) < MAX_PATH:
        return path
    import hashlib
    import tempfile

    name = hashlib.sha256(os.fsencode(state.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"ingle-{os.getuid()}" / f"{name}.sock"


class SocketServer:
    """Serves a node on a unix socket in a directory that only its owner may enter."""

    def __init__(self, node: Node, path: Path, facts: dict[str, Any]) -> None:
        self._node = node
        self.path = path
        self._facts = facts
        self._door = SocketDoor(path)
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    @property
    def connections(self) -> int:
        """Callers that are connected now."""
        return len(self._connections)

    async def start(self) -> None:
        """Listen. The caller holds the state directory's lock, so an old socket is no one's."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.unlink(missing_ok=True)
        self._door.open()
        mask = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self.path, backlog=512)
        finally:
            os.umask(mask)

    async def close(self, why: IngleError | None = None) -> None:
        """Stop listening and drop all connections.

        Args:
            why: told to those who are connected.
        """
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.close(why)
        self.path.unlink(missing_ok=True)
        self._door.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def answer(
            operation: Operation, feed: PieceStream | None
        ) -> AbstractAsyncContextManager[AsyncIterator[Passed]]:
            self._door.check_token(connection)
            return self._node.relay(operation, feed)

        connection = Connection(SocketStream(reader, writer), answer=answer)
        try:
            self._door.check_caller(writer.get_extra_info("socket"))
        except Unauthorized as refused:
            log.warning("%s (process %s)", refused.message, refused.details["pid"])
            connection.close(refused)
            return
        self._connections.add(connection)
        try:
            connection.greet(**self._facts)
            await connection.run()
        finally:
            self._connections.discard(connection)


class SocketNode:
    """The node that is already running on this machine. See `ingle.node.node.Node`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._run = asyncio.create_task(connection.run())
        self.facts: dict[str, Any] = {}

    @classmethod
    async def connect(cls, path: Path) -> SocketNode:
        """Reach the node that listens at a path.

        Raises:
            NodeUnreachable: no one listens there, or it does not answer.
        """
        try:
            reader, writer = await asyncio.open_unix_connection(path)
        except (FileNotFoundError, ConnectionRefusedError):
            raise NodeUnreachable(f"no node listens at {path}", hint="ingle serve") from None
        node = cls(Connection(SocketStream(reader, writer)))
        node._connection.greet(**{TOKEN: shown_token(path)})
        try:
            async with asyncio.timeout(HELLO_S):
                node.facts = (await node._connection.hello).facts
        except TimeoutError:
            await node.aclose()
            raise NodeUnreachable(
                f"the node at {path} does not answer", hint="ingle doctor"
            ) from None
        except IngleError:
            await node.aclose()
            raise
        return node

    @property
    def closed(self) -> bool:
        """The node is gone."""
        return self._connection.closed

    def perform(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        return self._connection.perform(operation, feed)

    def relay(
        self, operation: Operation, feed: PieceStream | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Passed]]:
        return self._connection.relay(operation, feed)

    async def wait_closed(self) -> None:
        """Return when the node has hung up."""
        await asyncio.shield(self._run)

    async def aclose(self) -> None:
        """Hang up. The node stays."""
        self._connection.close()
        self._run.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._run
