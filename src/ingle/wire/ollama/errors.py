"""Ollama's error object: ``{"error": "..."}`` (source: docs/api.md of ollama/ollama)."""

from __future__ import annotations

from ingle.errors import IngleError
from ingle.wire.dialect import http_status
from ingle.wire.sse import encode

NDJSON = "application/x-ndjson"


class OllamaDialect:
    """Errors as Ollama's clients read them: one text, with ``code`` and ``details`` beside it."""

    name = "ollama"

    def status(self, error: IngleError) -> int:
        """As the error says."""
        return http_status(error)

    def error(self, error: IngleError, request_id: str) -> bytes:
        """The text carries the hint, since most clients show nothing else."""
        return encode(error_object(error))


def error_object(error: IngleError) -> dict[str, object]:
    """The error, also as the last line of a stream that broke off."""
    text = f"{error.message}; {error.hint}" if error.hint else error.message
    found: dict[str, object] = {"error": text, "code": error.code}
    if error.details:
        found["details"] = error.details
    return found
