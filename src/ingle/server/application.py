"""The owner's HTTP application: every dialect, in front of one node."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from ingle.errors import NotFound
from ingle.node.node import Node
from ingle.server import anthropic_routes, node_routes, ollama_routes, openai_routes
from ingle.server.access import Access
from ingle.server.endpoint import Floor, Table, routes
from ingle.server.metrics import Metrics
from ingle.server.refusal import dialect_of
from ingle.server.response_store import ResponseStore
from ingle.server.responses_routes import ResponsesDesk
from ingle.server.security import Guard
from ingle.server.settings import ServerSettings


def create_application(
    node: Node, settings: ServerSettings | None = None, *, extra: Sequence[BaseRoute] = ()
) -> Starlette:
    """Build the application for the owner of a node.

    It holds the model routes (what any client may ask) and the owner's (pull,
    copy, delete, unload). An application for peers is built from the model
    routes alone, so that the two can never share an owner's route.

    Args:
        node: Performs the operations; it is not closed here.
        settings: Token, names, origins and limits; the defaults suit loopback.
        extra: Further routes behind the same guard, such as the web page.

    ``application.state.floor`` holds the exchanges that go on, for a clean stop;
    its ``close`` lets go of the stored responses.
    """
    chosen = settings or ServerSettings()
    metrics = Metrics()
    floor = Floor(node, chosen, metrics)
    path = chosen.state_dir / "responses.sqlite" if chosen.state_dir else None
    store = ResponseStore(path)
    floor.closing.append(store.close)
    desk = ResponsesDesk(store)
    table = {**model_table(), **desk.table(), **owner_table(metrics)}
    application = Starlette(
        routes=[*routes(table, floor), *extra],
        middleware=[Middleware(Access, metrics=metrics), Middleware(Guard, settings=chosen)],
        exception_handlers={HTTPException: _http_error},
    )
    application.router.redirect_slashes = False
    application.state.floor = floor
    return application


def model_table() -> Table:
    """What any client may ask of a model."""
    return {
        **openai_routes.MODEL_ROUTES,
        **anthropic_routes.MODEL_ROUTES,
        **ollama_routes.MODEL_ROUTES,
    }


def owner_table(metrics: Metrics) -> Table:
    """What only the owner of the node may ask."""
    return {
        **openai_routes.OWNER_ROUTES,
        **ollama_routes.OWNER_ROUTES,
        **node_routes.table(metrics),
    }


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    dialect = dialect_of(request.scope)
    found = NotFound(f"there is no {request.method} {request.url.path} here")
    content = dialect.error(found, str(request.scope.get("ingle.request_id", "")))
    return Response(content, status_code=404, media_type="application/json")
