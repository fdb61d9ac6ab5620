"""Anthropic's error object (source: API documentation, "Errors")."""

from __future__ import annotations

from typing import Any

from ingle.errors import Busy, IngleError
from ingle.wire.dialect import http_status
from ingle.wire.sse import encode

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


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
        "type": _TYPES.get(status, "api_error"),
        "message": error.message,
        "code": error.code,
    }
    if error.hint:
        found["hint"] = error.hint
    if error.details:
        found["details"] = error.details
    return {"type": "error", "error": found}
