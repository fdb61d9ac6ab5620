"""The owner's HTTP application: every dialect, in front of one node."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from ingle.errors import NotFound
from ingle.node.node import Node
from ingle.operations import registry
from ingle.operations.capability import Capability, load
from ingle.server import node_routes
from ingle.server.access import Access
from ingle.server.endpoint import EndpointContext, Table, routes
from ingle.server.metrics import Metrics
from ingle.server.refusal import dialect_of
from ingle.server.request_path import RequestPath
from ingle.server.security import AccessRules, Guard
from ingle.server.settings import ServerSettings


def create_application(
    node: Node, settings: ServerSettings | None = None, *, extra: Sequence[BaseRoute] = ()
) -> Starlette:
    """Build the application for the owner of a node.

    It holds the routes of every capability. All of them are the owner's: paired devices
    do not come by HTTP, but through the authorizer in front of the node.

    Args:
        node: Performs the operations; it is not closed here.
        settings: Token, names, origins and limits; the defaults suit loopback.
        extra: Further routes behind the same guard, such as the web page.

    Raises:
        ConfigError: a setting of it means nothing.

    ``application.state.floor`` holds the exchanges in progress, for a clean stop;
    its ``close`` lets go of the stored responses.
    """
    chosen = settings or ServerSettings()
    rules = AccessRules(chosen)
    metrics = Metrics()
    floor = EndpointContext(node, chosen, metrics)
    table = node_routes.table(metrics)
    for capability in registry.built_in().values():
        table |= _table_of(capability, floor)
    application = Starlette(
        routes=[*routes(table, floor), *extra],
        middleware=[
            Middleware(RequestPath),
            Middleware(Access, metrics=metrics),
            Middleware(Guard, rules=rules),
        ],
        exception_handlers={HTTPException: _http_error},
    )
    application.router.redirect_slashes = False
    application.router.default = _PluginRoutes(floor, application.router.not_found)
    application.state.floor = floor
    return application


class _PluginRoutes:
    """Routes of plug-ins, which are looked at when no other route is meant."""

    def __init__(self, floor: EndpointContext, otherwise: ASGIApp) -> None:
        self._floor = floor
        self._otherwise = otherwise
        self._router: Router | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._router is None:
            table: Table = {}
            for capability in registry.plugins().values():
                table |= _table_of(capability, self._floor)
            self._router = Router(routes(table, self._floor), redirect_slashes=False)
            self._router.default = self._otherwise
        await self._router(scope, receive, send)


def _table_of(capability: Capability, floor: EndpointContext) -> Table:
    if not capability.routes:
        return {}
    table: Table = load(capability.routes)(floor)
    return table


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    dialect = dialect_of(request.scope)
    found = NotFound(f"there is no {request.method} {request.url.path} here")
    content = dialect.error(found, str(request.scope.get("ingle.request_id", "")))
    return Response(content, status_code=404, media_type="application/json")
