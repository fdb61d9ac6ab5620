"""HTTP routes about the node itself."""

from __future__ import annotations

import time
from importlib.metadata import version

from ingle.capabilities.node.operation import NodeStatus, StatusReport
from ingle.capabilities.store.operation import ListModels, Models
from ingle.server.endpoint import EndpointContext, Table
from ingle.server.exchange import Exchange
from ingle.wire.ollama import model_requests


def table(floor: EndpointContext) -> Table:
    """The routes."""
    return {"/api/ps": {"GET": list_running}, "/api/version": {"GET": show_version}}


async def list_running(exchange: Exchange) -> None:
    """``GET /api/ps``."""
    status = await exchange.ask(NodeStatus(), StatusReport)
    models = (await exchange.ask(ListModels(peers=True), Models)).models
    await exchange.reply(model_requests.running(status, models, now=time.time()))


async def show_version(exchange: Exchange) -> None:
    """``GET /api/version``."""
    await exchange.reply(model_requests.version(version("ingle")))
