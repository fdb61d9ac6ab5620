"""Paths as clients join them: ``//v1/models``, ``/v1//models``, ``/v1/models/``."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

_REPEATED = re.compile(r"(?<!:)/{2,}")


class RequestPath:
    """Middleware in front of everything that looks at a path: it sees the one that is meant.

    A redirect would do for browsers only: most clients do not repeat a POST.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            scope["path"] = meant(scope["path"])
        await self._app(scope, receive, send)


def meant(path: str) -> str:
    """One slash where there are several, none at the end; an address in a name keeps its two."""
    return _REPEATED.sub("/", path).rstrip("/") or "/"
