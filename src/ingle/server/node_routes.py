"""Routes about the server and its node: health, metrics, a greeting."""

from __future__ import annotations

from ingle.capabilities.node.operation import NodeStatus, StatusReport
from ingle.errors import IngleError
from ingle.server import metrics as prometheus
from ingle.server.endpoint import Table
from ingle.server.exchange import Exchange
from ingle.server.metrics import Metrics

TEXT = b"text/plain; charset=utf-8"


async def greet(exchange: Exchange) -> None:
    """``GET /``: whether a server is there. Programs compare the text with what Ollama says."""
    person = "text/html" in exchange.headers.get("accept", "")
    await exchange.reply(b"ingle is running" if person else b"Ollama is running", kind=TEXT)


async def health(exchange: Exchange) -> None:
    """``GET /healthz``: 200 once requests are taken."""
    await exchange.reply(b'{"status":"ok"}')


def table(metrics: Metrics) -> Table:
    """The routes; the metrics page closes over what the application counts."""

    async def page(exchange: Exchange) -> None:
        status: StatusReport | None = None
        try:
            status = await exchange.ask(NodeStatus(), StatusReport)
        except IngleError:
            # A node in trouble is when the server's own numbers matter most.
            status = None
        await exchange.reply(metrics.render(status).encode(), kind=prometheus.CONTENT_TYPE.encode())

    return {"/": {"GET": greet}, "/healthz": {"GET": health}, "/metrics": {"GET": page}}
