"""One web socket: JSON messages both ways, for as long as the client stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive, Scope, Send

from ingle.errors import ClientGone, IngleError, InvalidRequest
from ingle.node.node import Node
from ingle.server.limits import check_json
from ingle.server.settings import ServerSettings

NORMAL, GOING_AWAY, NOT_JSON, TOO_SLOW = 1000, 1001, 1007, 1013
"""Why a socket is closed (RFC 6455, section 7.4.1)."""
_REASON_BYTES = 120


class SocketExchange:
    """What a handler of a web socket is given. See `ingle.server.exchange.Exchange`."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, *, node: Node, settings: ServerSettings
    ) -> None:
        self.node = node
        self.settings = settings
        self.scope = scope
        self._receive = receive
        self._send = send
        self._sending = asyncio.Lock()
        self._work: asyncio.Task[Any] | None = None
        self._ending: IngleError | None = None

    @property
    def query(self) -> dict[str, str]:
        """The query of the address; of a name that is there twice the last."""
        return dict(parse_qsl(self.scope.get("query_string", b"").decode("latin-1")))

    async def accept(self, protocols: tuple[str, ...] = ()) -> None:
        """Open it.

        Args:
            protocols: which of the client's subprotocols are spoken, the preferred first.

        Raises:
            ClientGone: it left before.
        """
        if (await self._receive())["type"] != "websocket.connect":
            raise ClientGone("the client left before the socket was open")
        wanted = self.scope.get("subprotocols", ())
        chosen = next((name for name in protocols if name in wanted), None)
        await self._send({"type": "websocket.accept", "subprotocol": chosen})

    async def messages(self) -> AsyncGenerator[bytes, None]:
        """The client's messages, JSON as bytes within the limits; ends when it closes.

        Raises:
            InvalidRequest: one is not text, or has more levels or values than the limits allow.
        """
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                raise InvalidRequest("messages here are text, JSON; this one is binary")
            data = text.encode()
            check_json(data, self.settings.limits)
            yield data

    async def say(self, message: dict[str, Any]) -> None:
        """Send one JSON message.

        Raises:
            ClientGone: it takes nothing any more.
        """
        text = msgspec.json.encode(message).decode()
        try:
            async with self._sending, asyncio.timeout(self.settings.limits.stalled_s):
                await self._send({"type": "websocket.send", "text": text})
        except TimeoutError:
            raise ClientGone("the client reads nothing") from None
        except OSError as error:  # uvicorn's ClientDisconnected is one
            raise ClientGone("the client has left") from error

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close it."""
        short = reason.encode()[:_REASON_BYTES].decode(errors="ignore")
        await self._send({"type": "websocket.close", "code": code, "reason": short})

    async def attended(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do the work until it ends, or until the server stops.

        Raises:
            IngleError: the work's, or why the server ended it.
        """
        self._work = asyncio.create_task(work())
        try:
            await asyncio.wait([self._work])
        finally:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        if self._ending is not None:
            raise self._ending
        self._work.result()

    def abort(self, error: IngleError) -> None:
        """End what is running, as when the server stops."""
        if self._work is not None and self._ending is None:
            self._ending = error
            self._work.cancel()
