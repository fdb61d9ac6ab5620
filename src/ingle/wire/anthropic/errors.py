"""Anthropic's error object (source: API documentation, "Errors")."""

from __future__ import annotations

from typing import Any

from ingle.errors import Busy, IngleError
from ingle.wire.dialect import http_status
from ingle.wire.sse import encode

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
"""Of the statuses that are not simply the request's or the server's fault."""


class AnthropicDialect:
    """Errors as Anthropic's clients read them."""

    name = "anthropic"

    def status(self, error: IngleError) -> int:
        """As the error says; a full queue is 529, "overloaded"."""
        return 529 if isinstance(error, Busy) else http_status(error)

    def error(self, error: IngleError, request_id: str) -> bytes:
        """``{"type": "error", "error": {...}, "request_id"}``."""
        return encode({**error_event(error), "request_id": request_id or None})


def error_event(error: IngleError) -> dict[str, Any]:
    """The error as a body, and as the data of a stream's ``error`` event."""
    status = 529 if isinstance(error, Busy) else http_status(error)
    found: dict[str, Any] = {
        "type": _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error"),
        "message": error.message,
        "code": error.code,
    }
    if error.hint:
        found["hint"] = error.hint
    if error.details:
        found["details"] = error.details
    return {"type": "error", "error": found}
