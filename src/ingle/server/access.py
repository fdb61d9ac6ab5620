"""The outermost layer: request ids, the access log, metrics, and the last resort for bugs."""

from __future__ import annotations

import logging
import re
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingle.errors import IngleError
from ingle.server.log_allowance import LogAllowance
from ingle.server.metrics import Metrics
from ingle.server.refusal import refuse

LOG = logging.getLogger("ingle.server.access")

_OPEN_TO_ALL = {"/healthz", "unknown"}
_GIVEN_ID = re.compile(rb"[A-Za-z0-9_.:-]{1,64}")


class Access:
    """Middleware around everything.

    One log line per request: method, route, status, milliseconds, bytes and the
    request's id. No query, no header, no body: nothing that a client meant for
    the model only. What anyone can cause, such as refusals, is held to an allowance.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._allowance = LogAllowance()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._around_socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identifier = _request_id(scope)
        scope["ingle.request_id"] = identifier
        began = time.monotonic()
        status = sent = 0

        async def noting(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", identifier.encode()),
                    # The name that Anthropic's clients look for.
                    (b"request-id", identifier.encode()),
                ]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        self._metrics.active += 1
        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            # A bug of ours: the client gets a plain 500, the log the whole story.
            if self._allowance.take():
                LOG.exception("request %s failed%s", identifier, self._allowance.note())
            if status:
                raise
            await refuse(scope, noting, IngleError(f"internal error ({type(error).__name__})"))
        finally:
            self._metrics.active -= 1
            seconds = time.monotonic() - began
            route = scope.get("ingle.route", "unknown")
            # 499: the client left before there was anything to say.
            self._metrics.request(scope["method"], route, status or 499, seconds)
            by_anyone = status >= 400 or route in _OPEN_TO_ALL
            if not by_anyone or self._allowance.take():
                LOG.info(
                    "%s %s %d %.1fms %dB %s%s",
                    scope["method"],
                    route,
                    status or 499,
                    1000 * seconds,
                    sent,
                    identifier,
                    self._allowance.note() if by_anyone else "",
                )

    async def _around_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One line when it is closed; of one that was refused, none."""
        identifier = scope["ingle.request_id"] = _request_id(scope)
        began = time.monotonic()
        self._metrics.active += 1
        try:
            await self._app(scope, receive, send)
        except Exception:
            if self._allowance.take():
                LOG.exception("socket %s failed%s", identifier, self._allowance.note())
            await send({"type": "websocket.close", "code": 1011, "reason": "internal error"})
        finally:
            self._metrics.active -= 1
            if route := scope.get("ingle.route", ""):
                LOG.info("WEBSOCKET %s %.1fs %s", route, time.monotonic() - began, identifier)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _GIVEN_ID.fullmatch(value):
            return str(value, "ascii")
    return "req_" + secrets.token_hex(12)
