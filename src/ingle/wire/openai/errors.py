"""OpenAI's error object (source: API reference, "Error codes")."""

from __future__ import annotations

from typing import Any

from ingle.errors import IngleError
from ingle.wire.dialect import http_status
from ingle.wire.sse import data, encode

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}
"""Of the statuses that are not simply the request's or the server's fault."""


def error_object(error: IngleError) -> dict[str, Any]:
    """``{"message", "type", "param", "code"}``, with our ``hint`` and ``details`` beside them."""
    found: dict[str, Any] = {
        "message": error.message,
        "type": _type(http_status(error)),
        "param": error.details.get("field"),
        "code": error.code,
    }
    if error.hint:
        found["hint"] = error.hint
    if error.details:
        found["details"] = error.details
    return found


def _type(status: int) -> str:
    return _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")


def failed_chunk(error: IngleError) -> bytes:
    """What a stream ends with when it breaks off; clients raise an APIError on it."""
    return data({"error": error_object(error)})


class OpenAIDialect:
    """Errors as OpenAI's clients read them."""

    name = "openai"

    def status(self, error: IngleError) -> int:
        """As the error says."""
        return http_status(error)

    def error(self, error: IngleError, request_id: str) -> bytes:
        """``{"error": {...}}``; the request's id travels in the ``x-request-id`` header."""
        return encode({"error": error_object(error)})
