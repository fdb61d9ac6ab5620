"""``/v2/translate``, ``/v2/languages`` and ``/v2/usage`` as DeepL has them.

Source: DeepL's API reference, and its Python client. Bodies are JSON or forms; errors are
``{"message": "..."}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from ingle.capabilities.translate.operation import TextFormat, Translate, Translation
from ingle.errors import IngleError, InvalidRequest
from ingle.wire.body import Body, decode
from ingle.wire.dialect import http_status
from ingle.wire.form_body import is_form, json_of
from ingle.wire.sse import encode

PATHS = frozenset(["/v2/translate", "/v2/languages", "/v2/usage"])
LARGEST_COUNT = 10**12
"""Of characters that may be translated: there is no limit of DeepL's kind."""


class DeepLBody(Body, kw_only=True):
    """The fields of the route; ``model`` and ``on`` are ours."""

    text: list[str] | str
    target_lang: str
    source_lang: str | None = None
    tag_handling: Literal["html", "xml", ""] | None = None
    formality: str | None = None
    glossary_id: str | None = None
    show_billed_characters: bool | str | None = None
    model: str | None = None
    on: str | None = None


def parse(body: bytes, content_type: str, model: str) -> Translate:
    """Read the body.

    Args:
        model: where it names none.

    Raises:
        InvalidRequest: a bad field, or what no model here can do.
    """
    data = json_of(body, lists=["text"]) if is_form(content_type) else body
    asked = decode(data, DeepLBody)
    if asked.glossary_id:
        raise InvalidRequest(
            "glossary_id: there are no glossaries kept here",
            hint="home.translate(..., glossary={...})",
            field="glossary_id",
        )
    if asked.formality in ("more", "less"):
        raise InvalidRequest(
            f"formality: {asked.formality} is not supported; prefer_{asked.formality} is passed "
            "over where a model has none",
            field="formality",
        )
    texts = [asked.text] if isinstance(asked.text, str) else asked.text
    form: TextFormat = "html" if asked.tag_handling else "text"
    return Translate(
        model=asked.model or model,
        texts=texts,
        source=(asked.source_lang or "").lower(),
        to=asked.target_lang,
        format=form,
        on=asked.on or "",
    )


def answer(texts: Sequence[str], done: Translation, sizes: Sequence[int]) -> bytes:
    """The translations, each with the language of its source.

    Args:
        sizes: characters of the sources.
    """
    return encode(
        {
            "translations": [
                {
                    "detected_source_language": done.source.upper(),
                    "text": text,
                    "billed_characters": size,
                    "model_type_used": done.model,
                }
                for text, size in zip(texts, sizes, strict=True)
            ]
        }
    )


class DeepLLanguagesBody(Body, kw_only=True):
    """Of ``POST /v2/languages``."""

    type: Literal["source", "target"] | None = None


def wants_targets(body: bytes, content_type: str) -> bool:
    """Whether a body asks for what can be translated into.

    Raises:
        InvalidRequest: a bad field.
    """
    data = json_of(body) if is_form(content_type) else body
    return decode(data or b"{}", DeepLLanguagesBody).type == "target"


def languages(codes: Iterable[str], names: Mapping[str, str]) -> bytes:
    """Languages that can be translated from or into."""
    return encode(
        [
            {
                "language": code.upper(),
                "name": names.get(code, code),
                "supports_formality": False,
            }
            for code in sorted(codes)
        ]
    )


def usage() -> bytes:
    """What DeepL's clients ask before they begin."""
    return encode({"character_count": 0, "character_limit": LARGEST_COUNT})


class DeepLDialect:
    """Errors as DeepL's clients read them."""

    name = "deepl"

    def status(self, error: IngleError) -> int:
        """As the error says."""
        return http_status(error)

    def error(self, error: IngleError, request_id: str) -> bytes:
        """``{"message": "...", "detail": "..."}``."""
        return encode({"message": error.message, "detail": error.hint, "code": error.code})
