"""``/v1/realtime``: a web socket. ``?intent=transcription`` only writes down what is said."""

from __future__ import annotations

from importlib.util import find_spec

from ingle.capabilities.realtime.http.realtime_session import RealtimeSession
from ingle.errors import EngineMissing, InvalidRequest
from ingle.server.endpoint import WEB_SOCKET, EndpointContext, Table
from ingle.server.exchange import Exchange
from ingle.server.socket_exchange import SocketExchange
from ingle.wire.openai.realtime import first_session

PROTOCOLS = ("realtime",)


def table(floor: EndpointContext) -> Table:
    """The routes."""
    return {"/v1/realtime": {"GET": explain, WEB_SOCKET: converse}}


async def converse(exchange: SocketExchange) -> None:
    """A session, until the client leaves."""
    await exchange.accept(PROTOCOLS)
    query, settings = exchange.query, exchange.settings
    kind = "transcription" if query.get("intent") == "transcription" else "realtime"
    first = first_session(
        kind,
        query.get("model") or settings.default_model,
        settings.transcribe_model,
        settings.speech_model,
    )
    session = RealtimeSession(exchange, first)
    await exchange.attended(session.run)


async def explain(exchange: Exchange) -> None:
    """What asks without opening a socket is told what is missing."""
    if find_spec("websockets") is None:
        raise EngineMissing(
            "web sockets need the package websockets", hint="pip install 'ingle[speech]'"
        )
    raise InvalidRequest("/v1/realtime is a web socket: ask for an upgrade", field="upgrade")
