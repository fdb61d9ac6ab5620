"""Translate: texts or a document in one language in, the same in another out."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations.blob import Blob
from ingle.operations.events import ModelResult
from ingle.operations.guest_rules import Costless, Estimated, Overruled
from ingle.operations.operation import Checked, Event, KeepAlive, ModelOperation

MOST_TEXTS = 4096
MOST_CHARACTERS = 4 << 20
"""Of all texts of one request. A document that is larger is put into the node as a blob."""
MOST_TERMS = 4096
MOST_DOCUMENT_BYTES = 256 << 20

TextFormat = Literal["text", "markdown", "html"]
DocumentFormat = Literal["text", "markdown", "html", "srt", "vtt", "po", "docx"]
LanguageTag = Annotated[
    str, msgspec.Meta(pattern="^([A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3})?$", max_length=35)
]

_COUNTED = "characters of the source are counted, whatever is written for them"


class GlossaryTerm(Checked, frozen=True, kw_only=True):
    """A term, and what is written for it wherever it stands in the source."""

    source: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    target: Annotated[str, msgspec.Meta(max_length=200)]


class Translate(ModelOperation, frozen=True, kw_only=True, tag="translate"):
    """Translate texts, or one document.

    What is not language stays as it is: markup, code, URLs, numbers, placeholders such as
    ``{name}``, ``%s`` and ``${x}``, and the white space between sentences and paragraphs.

    Events: `TranslatedText` for each sentence as soon as it and those before it are there (or
    `TranslatedBytes` of a document), `TranslationProgress`, then one `Translation`.
    """

    texts: Annotated[
        Annotated[list[str], msgspec.Meta(max_length=MOST_TEXTS)],
        Estimated(),
    ] = []
    document: Annotated[Blob | None, Estimated()] = None
    """In place of texts."""
    format: Annotated[DocumentFormat, Costless(_COUNTED)] = "text"
    """Of the texts, or of the document."""
    to: Annotated[LanguageTag, Costless(_COUNTED)]
    """The language that is wanted, as a BCP 47 tag such as ``de``."""
    source: Annotated[LanguageTag, Costless(_COUNTED)] = ""
    """The language that they are in; empty: what the model translates from."""
    glossary: Annotated[
        Annotated[list[GlossaryTerm], msgspec.Meta(max_length=MOST_TERMS)],
        Costless("it is looked up in the text, whose characters are counted"),
    ] = []
    """Longer terms go before shorter ones. Case is told apart."""
    keep_alive: Annotated[KeepAlive | None, Overruled(None)] = None

    def check(self) -> None:
        if not self.to:
            raise InvalidRequest(
                "to: which language is wanted?", hint="a tag such as de or pt-BR", field="to"
            )
        if (self.document is None) == (not self.texts):
            raise InvalidRequest("texts: give texts or a document, and not both", field="texts")
        if self.document is None and self.format not in ("text", "markdown", "html"):
            raise InvalidRequest(
                f"format: {self.format} is for documents; texts are text, markdown or html",
                field="format",
            )
        size = sum(len(text) for text in self.texts)
        if size > MOST_CHARACTERS:
            raise InvalidRequest(
                f"texts: {size} characters; the limit of one request is {MOST_CHARACTERS}",
                hint="translate it as a document",
                field="texts",
            )
        if self.document is not None and self.document.size > MOST_DOCUMENT_BYTES:
            raise InvalidRequest(
                f"document: {self.document.size} bytes; the limit is {MOST_DOCUMENT_BYTES}",
                field="document",
            )


class TranslatedText(Event, frozen=True, kw_only=True, tag="translate.text"):
    """The next piece of a text's translation. In a row those of one index are the whole."""

    piece = True

    index: int
    """Of the text, from 0."""
    text: str


class TranslatedBytes(Event, frozen=True, kw_only=True, tag="translate.bytes"):
    """The next bytes of a translated document, in a row the whole file."""

    piece = True

    data: bytes


class TranslationProgress(Event, frozen=True, kw_only=True, tag="translate.progress"):
    """How far it is. Never goes backwards."""

    completed: int
    """Characters of the source that are translated."""
    total: int


class Translation(ModelResult, frozen=True, kw_only=True, tag="translate.translation"):
    """It is complete."""

    to: str
    source: str = ""
    """The language that it was translated from."""
    characters: int = 0
    """Of the source, without markup: what is counted."""
    sentences: int = 0
    untranslated: int = 0
    """Of these, how many stand as they were, since the model lost what had to stay."""
    pivot: str = ""
    """The language in between, where two models had to do it."""
