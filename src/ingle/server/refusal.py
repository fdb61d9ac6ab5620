"""Which dialect a path speaks, and sending an error in it."""

from __future__ import annotations

from starlette.types import Scope, Send

from ingle.errors import Busy, IngleError
from ingle.wire import deepl, libretranslate
from ingle.wire.anthropic.errors import AnthropicDialect
from ingle.wire.dialect import Dialect
from ingle.wire.ollama.errors import OllamaDialect
from ingle.wire.openai.errors import OpenAIDialect

_ANTHROPIC = AnthropicDialect()
_OLLAMA = OllamaDialect()
_OPENAI = OpenAIDialect()
_LIBRETRANSLATE = libretranslate.LibreTranslateDialect()
_DEEPL = deepl.DeepLDialect()


def dialect_of(scope: Scope) -> Dialect:
    """The dialect in which the client of this request expects its errors."""
    path: str = scope["path"]
    if path == "/api" or path.startswith("/api/"):
        return _OLLAMA
    if path in libretranslate.PATHS:
        return _LIBRETRANSLATE
    if path in deepl.PATHS:
        return _DEEPL
    if path.startswith("/v1/messages") or speaks_anthropic(scope):
        return _ANTHROPIC
    return _OPENAI


def speaks_anthropic(scope: Scope) -> bool:
    """Whether a client is Anthropic's, whatever it asks for: it names its version."""
    return any(name == b"anthropic-version" for name, _ in scope["headers"])


async def refuse(scope: Scope, send: Send, error: IngleError) -> None:
    """Answer a request with an error, in its dialect."""
    dialect = dialect_of(scope)
    body = dialect.error(error, str(scope.get("ingle.request_id", "")))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    status = dialect.status(error)
    if isinstance(error, Busy):
        headers.append((b"retry-after", b"1"))
    if status in {408, 413}:
        # What is left of the body is not worth reading.
        headers.append((b"connection", b"close"))
    if status == 405:
        allowed = ", ".join(error.details.get("allowed", ()))
        headers.append((b"allow", allowed.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
