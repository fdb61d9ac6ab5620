"""Who may speak to this server: the names it answers to, the pages it trusts, the token.

Rules, in this order, on every route and on web sockets alike:

1. ``Host`` must be a loopback name or a configured one. A page of an attacker
   that rebinds its own name to 127.0.0.1 still sends its own name here.
2. ``Origin``, where there is one, must be a loopback page, a configured host, an
   allowed origin or one of the ``clients``; ``null`` is not one of these. Without an
   ``Origin`` a browser that says ``Sec-Fetch-Site: cross-site`` may only follow a link.
3. The token, if one is set, as ``Authorization: Bearer`` or ``x-api-key``.
   Only ``/healthz`` and preflights, which browsers send without it, go without.

No answer ever carries ``Access-Control-Allow-Origin: *``.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingle.errors import Refused, Unauthorized
from ingle.server.clients import AllowedClients, entry_for
from ingle.server.refusal import refuse
from ingle.server.settings import ServerSettings

_NAME = re.compile(r"[a-z0-9._:-]{1,200}")
_NO_TOKEN = {"/healthz"}
_PREFLIGHT = {
    "access-control-allow-methods": "GET, HEAD, POST, DELETE, OPTIONS",
    "access-control-max-age": "600",
    "content-length": "0",
}


class Guard:
    """Middleware that lets through only whom the rules above admit."""

    def __init__(self, app: ASGIApp, rules: AccessRules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            origin = self._rules.admit(headers)
            if _is_preflight(scope, headers, origin):
                await _answer_preflight(send, headers, origin)
                return
            if scope["path"] not in _NO_TOKEN:
                self._rules.check_token(headers)
        except Refused as error:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await refuse(scope, send, error)
            return
        await self._app(scope, receive, _marking(send, origin) if origin else send)


class AccessRules:
    """The decisions alone, without I/O."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._clients = AllowedClients.of(settings.clients)
        self._hosts = frozenset(map(_bare, (*settings.hosts, *self._clients.hosts)))
        self._origins = frozenset(origin.rstrip("/").lower() for origin in settings.origins)
        self._any_address = settings.any_address
        self._token = settings.token.encode()

    def admit(self, headers: Headers) -> str:
        """The allowed origin that asks, or an empty string where there is none.

        Raises:
            Refused: the host or the origin is foreign.
        """
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self.knows_host(hosts[0]):
            raise self._foreign_host(hosts)
        origins = headers.getlist("origin")
        if len(origins) > 1 or (origins and not self.knows_origin(origins[0])):
            raise self._foreign_origin(origins)
        follows_link = headers.get("sec-fetch-mode") == "navigate"
        if not origins and headers.get("sec-fetch-site") == "cross-site" and not follows_link:
            raise Refused("cross-site requests are not allowed")
        return origins[0] if origins else ""

    def check_token(self, headers: Headers) -> None:
        """Compare in constant time.

        Raises:
            Unauthorized: a token is set and the client's is missing or wrong.
        """
        if not self._token:
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            given = headers.get("x-api-key", "")
        if not hmac.compare_digest(given.strip().encode("latin-1"), self._token):
            raise Unauthorized(
                "the token is missing or wrong",
                hint="send it as 'Authorization: Bearer TOKEN' (the api_key of most clients)",
            )

    def knows_host(self, value: str) -> bool:
        """Whether a ``Host`` header's value names this server."""
        name = host_name(value)
        return name is not None and (
            is_loopback(name)
            or name in self._hosts
            or (self._any_address and _address(name) is not None)
        )

    def knows_origin(self, value: str) -> bool:
        """Whether pages of an origin may call."""
        if value.lower() in self._origins or self._clients.allow(value.lower()):
            return True
        try:
            parts = urlsplit(value)
            name = host_name(parts.netloc)
        except ValueError:
            return False
        if parts.scheme not in {"http", "https"} or name is None or "@" in parts.netloc:
            return False
        return is_loopback(name) or name in self._hosts

    def _foreign_host(self, values: list[str]) -> Refused:
        name = host_name(values[0]) if len(values) == 1 else None
        message = "the Host header is not one of this server's host names"
        if name is None or not _NAME.fullmatch(name):
            return Refused(message, hint="use http://127.0.0.1 or localhost")
        allowed = ",".join([*self._settings.clients, name])
        return Refused(
            f"{message}: {name}",
            hint=f"use http://127.0.0.1 or localhost, or: ingle config set clients {allowed}",
            setting="clients",
        )

    def _foreign_origin(self, values: list[str]) -> Refused:
        message = "requests from this origin are not allowed"
        if len(values) == 1 and (entry := entry_for(values[0])):
            allowed = ",".join([*self._settings.clients, entry])
            return Refused(
                f"{message}: {values[0]}",
                hint=f"ingle config set clients {allowed}",
                setting="clients",
            )
        return Refused(
            message,
            hint="add the page to the setting origins, or the program to the setting clients",
            setting="origins",
        )


def host_name(value: str) -> str | None:
    """The name in ``name``, ``name:port`` or ``[v6]:port``; None if it is not one of these."""
    text = value.strip().lower()
    if text.startswith("["):
        name, closed, rest = text[1:].partition("]")
        if not closed or (rest and not _is_port(rest)):
            return None
        return name if ":" in name and _address(name) is not None else None
    name, colon, port = text.partition(":")
    if colon and not _is_port(":" + port):
        return None
    return name.removesuffix(".") or None


def is_loopback(name: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and address.is_loopback


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _bare(name: str) -> str:
    return host_name(name) or name.lower()


def _is_port(text: str) -> bool:
    return text[0] == ":" and (text[1:] == "" or (text[1:].isdigit() and len(text) <= 6))


def _is_preflight(scope: Scope, headers: Headers, origin: str) -> bool:
    return bool(
        origin
        and scope["type"] == "http"
        and scope["method"] == "OPTIONS"
        and "access-control-request-method" in headers
    )


async def _answer_preflight(send: Send, headers: Headers, origin: str) -> None:
    wanted = headers.get("access-control-request-headers", "")
    answer = {
        **_PREFLIGHT,
        "access-control-allow-origin": origin,
        "access-control-allow-headers": wanted,
        "vary": "Origin",
    }
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.items()]
    await send({"type": "http.response.start", "status": 204, "headers": raw})
    await send({"type": "http.response.body", "body": b""})


def _marking(send: Send, origin: str) -> Send:
    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["access-control-allow-origin"] = origin
            headers["access-control-expose-headers"] = "x-request-id"
            headers.add_vary_header("Origin")
        await send(message)

    return marked
