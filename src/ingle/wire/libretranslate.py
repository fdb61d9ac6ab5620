"""``/translate``, ``/detect`` and ``/languages`` as LibreTranslate has them.

Source: LibreTranslate's API documentation. Bodies are JSON or forms; errors are
``{"error": "..."}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ingle.capabilities.detect.operation import Detect, Detected
from ingle.capabilities.translate.operation import GlossaryTerm, TextFormat, Translate, Translation
from ingle.errors import IngleError, InvalidRequest
from ingle.wire.body import Body, decode
from ingle.wire.dialect import http_status
from ingle.wire.form_body import is_form, json_of
from ingle.wire.sse import encode

AUTO = "auto"
PATHS = frozenset(["/translate", "/detect", "/languages"])


class LibreTranslateBody(Body, kw_only=True):
    """The fields of the route; ``model``, ``glossary`` and ``on`` are ours."""

    q: str | list[str]
    source: str
    target: str
    format: TextFormat | None = None
    api_key: str | None = None
    alternatives: int | None = None
    model: str | None = None
    glossary: dict[str, str] | None = None
    on: str | None = None


class LibreDetectBody(Body, kw_only=True):
    """The fields of the route."""

    q: str


class LibreTranslateRequest(NamedTuple):
    """What the client asked."""

    operation: Translate
    several: bool
    """It sent a list, and gets one."""
    detects: bool


def parse(body: bytes, content_type: str, model: str) -> LibreTranslateRequest:
    """Read the body.

    Args:
        model: where it names none.

    Raises:
        InvalidRequest: a bad field.
    """
    asked = decode(_json(body, content_type), LibreTranslateBody)
    if asked.alternatives:
        raise InvalidRequest(
            "alternatives: there is one translation of each text", field="alternatives"
        )
    texts = [asked.q] if isinstance(asked.q, str) else asked.q
    if not texts:
        raise InvalidRequest("q: no text was given", field="q")
    detects = asked.source == AUTO
    operation = Translate(
        model=asked.model or model,
        texts=texts,
        source="" if detects else asked.source,
        to=asked.target,
        format=asked.format or "text",
        glossary=[GlossaryTerm(source=a, target=b) for a, b in (asked.glossary or {}).items()],
        on=asked.on or "",
    )
    return LibreTranslateRequest(operation, not isinstance(asked.q, str), detects)


def answer(request: LibreTranslateRequest, texts: Sequence[str], done: Translation) -> bytes:
    """The translation, or as many as were sent."""
    content: dict[str, Any] = {"translatedText": list(texts) if request.several else texts[0]}
    if request.detects:
        # How sure that is, `/detect` says: a translation is told the language alone.
        found = {"language": done.source}
        content["detectedLanguage"] = [found] * len(texts) if request.several else found
    content["ingle"] = {"model": done.model, "where": done.where}
    return encode(content)


def parse_detect(body: bytes, content_type: str, model: str) -> Detect:
    """Read the body of ``/detect``. Raises as `parse`."""
    asked = decode(_json(body, content_type), LibreDetectBody)
    return Detect(model=model, texts=[asked.q])


def detected(found: Detected) -> bytes:
    """The languages that a text may be in, with percentages."""
    guesses = found.guesses[0]
    return encode(
        [
            {"language": each.language, "confidence": round(100 * each.probability, 1)}
            for each in guesses
        ]
    )


def languages(targets: Mapping[str, Sequence[str]], names: Mapping[str, str]) -> bytes:
    """What can be translated from, and into what.

    Args:
        targets: by the language of the source.
        names: how languages are called.
    """
    return encode(
        [
            {"code": code, "name": names.get(code, code), "targets": sorted(into)}
            for code, into in sorted(targets.items())
        ]
    )


class LibreTranslateDialect:
    """Errors as LibreTranslate's clients read them."""

    name = "libretranslate"

    def status(self, error: IngleError) -> int:
        """As the error says."""
        return http_status(error)

    def error(self, error: IngleError, request_id: str) -> bytes:
        """``{"error": "..."}``."""
        hint = f" ({error.hint})" if error.hint else ""
        return encode({"error": f"{error.message}{hint}", "code": error.code})


def _json(body: bytes, content_type: str) -> bytes:
    return json_of(body) if is_form(content_type) else body
