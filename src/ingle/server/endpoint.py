"""One path of the application: its handlers by method, and errors in its dialect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from ingle.errors import Cancelled, ClientGone, IngleError, MethodNotAllowed
from ingle.node.node import Node
from ingle.server.body_budget import BodyBudget, HeldBody
from ingle.server.counted import CountedNode
from ingle.server.exchange import Exchange
from ingle.server.metrics import Metrics
from ingle.server.refusal import refuse
from ingle.server.settings import ServerSettings
from ingle.server.socket_exchange import GOING_AWAY, NOT_JSON, SocketExchange

Handler = Callable[[Exchange], Awaitable[None]]
SocketHandler = Callable[[SocketExchange], Awaitable[None]]
Table = dict[str, dict[str, Any]]
"""Path to method to `Handler`; to `WEB_SOCKET` a `SocketHandler`."""
WEB_SOCKET = "WEBSOCKET"


class EndpointContext:
    """What all endpoints of one application stand on, and the exchanges in progress."""

    def __init__(self, node: Node, settings: ServerSettings, metrics: Metrics) -> None:
        self.node: Node = CountedNode(node, metrics)
        self.settings = settings
        self.metrics = metrics
        self.bodies = BodyBudget(settings.limits.bodies_bytes)
        self.exchanges: set[Exchange | SocketExchange] = set()
        self.closing: list[Callable[[], None]] = []
        """What is called when the application is done with."""

    def stop(self) -> None:
        """End every answer that is still running; its client is told that the server stops."""
        for exchange in tuple(self.exchanges):
            exchange.abort(
                Cancelled("the server is stopping", hint="try again when the server is back")
            )

    def close(self) -> None:
        """Let go of what the application opened."""
        while self.closing:
            self.closing.pop()()


class SocketEndpoint:
    """An ASGI application for the web sockets of one path."""

    def __init__(self, path: str, handler: SocketHandler, floor: EndpointContext) -> None:
        self._path = path
        self._handler = handler
        self._floor = floor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["ingle.route"] = self._path
        floor = self._floor
        exchange = SocketExchange(scope, receive, send, node=floor.node, settings=floor.settings)
        floor.exchanges.add(exchange)
        try:
            await self._handler(exchange)
        except ClientGone:
            return
        except Cancelled as error:
            await exchange.close(GOING_AWAY, error.message)
        except IngleError as error:
            await exchange.close(NOT_JSON, error.message)
        finally:
            floor.exchanges.discard(exchange)


class Endpoint:
    """An ASGI application for one path."""

    def __init__(self, path: str, handlers: dict[str, Handler], floor: EndpointContext) -> None:
        self._path = path
        self._handlers = handlers
        self._floor = floor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["ingle.route"] = self._path
        with self._floor.bodies.held() as held:
            await self._answer(scope, receive, send, held)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, held: HeldBody) -> None:
        floor = self._floor
        exchange = Exchange(
            scope,
            receive,
            send,
            node=floor.node,
            settings=floor.settings,
            metrics=floor.metrics,
            budget=floor.bodies,
            held=held,
        )
        floor.exchanges.add(exchange)
        try:
            await self._handler(scope["method"])(exchange)
        except ClientGone:
            return
        except IngleError as error:
            if not exchange.started:
                await refuse(scope, send, error)
        finally:
            floor.exchanges.discard(exchange)

    def _handler(self, method: str) -> Handler:
        handler: Handler | None = self._handlers.get(method)
        if handler is None and method == "HEAD":
            handler = self._handlers.get("GET")  # uvicorn leaves the body out of the answer
        if handler is None:
            allowed = sorted({*self._handlers, *(["HEAD"] if "GET" in self._handlers else [])})
            raise MethodNotAllowed(
                f"{method} is not allowed here; allowed: {', '.join(allowed)}", allowed=allowed
            )
        return handler


def routes(table: Table, floor: EndpointContext) -> list[BaseRoute]:
    """The table as Starlette's routes."""
    found: list[BaseRoute] = []
    for path, given in table.items():
        handlers = dict(given)
        if socket := handlers.pop(WEB_SOCKET, None):
            found.append(WebSocketRoute(path, SocketEndpoint(path, socket, floor)))
        found.append(Route(path, Endpoint(path, handlers, floor)))
    return found
