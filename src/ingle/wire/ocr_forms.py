"""``POST /api/ocr``: a form with a document; its pages come as they are read.

One JSON object a line, as Ollama's routes stream; or the text in one of the formats of pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ingle.capabilities.ocr.operation import (
    USUAL_DPI,
    Ocr,
    OcrDocument,
    OcrPage,
    OcrProgress,
    PdfBytes,
    WriteSearchablePdf,
)
from ingle.errors import IngleError, InvalidRequest
from ingle.operations import Event
from ingle.operations.blob import Blob
from ingle.operations.events import Note
from ingle.pages.page_formats import FORMATS, page_object
from ingle.wire.ollama.errors import NDJSON, error_object
from ingle.wire.sse import encode

PDF, PDF_TYPE = "pdf", "application/pdf"
LINES = "ndjson"
ANSWERS = (LINES, *FORMATS, PDF)
_LANGUAGES = ("languages", "languages[]", "lang", "language")

Fields = Mapping[str, Sequence[str]]


class OcrForm(NamedTuple):
    """What the client asked."""

    fields: dict[str, Any]
    """Of `Ocr`, but the document."""
    form: str
    """How it wants the answer: one of `ANSWERS`."""

    def operation(self, document: Blob) -> Ocr:
        """The request, of a document that lies in the node. Raises InvalidRequest."""
        return Ocr(document=document, **self.fields)

    def pdf_operation(self, document: Blob) -> WriteSearchablePdf:
        """The request for a PDF of its pages."""
        kept = {name: self.fields[name] for name in ("model", "password", "on")}
        return WriteSearchablePdf(document=document, **kept)


def parse(fields: Fields, model: str) -> OcrForm:
    """A form's fields.

    Args:
        model: where none is named.

    Raises:
        InvalidRequest: one has a wrong value; names it.
    """
    form = _one(fields, "format") or LINES
    if form not in ANSWERS:
        raise InvalidRequest(f"format: {form!r} is not one of {', '.join(ANSWERS)}", field="format")
    dpi = _one(fields, "dpi") or str(USUAL_DPI)
    if not (dpi.isascii() and dpi.isdecimal()):
        raise InvalidRequest(f"dpi: {dpi!r} is not a number", field="dpi")
    languages = [
        code
        for name in _LANGUAGES
        for text in fields.get(name, ())
        for code in text.replace(",", "+").split("+")
        if code
    ]
    asked = {
        "model": _one(fields, "model") or model,
        "pages": _one(fields, "pages"),
        "languages": languages,
        "text_layer": _one(fields, "text_layer") or "auto",
        "dpi": int(dpi[:9]),
        "password": _one(fields, "password"),
        "on": _one(fields, "on"),
    }
    return OcrForm(asked, form)


class PageObjects:
    """Pages as lines of JSON, how far it is between them, and a last line with ``done``. See
    `ingle.wire.dialect.EventStream`."""

    content_type = NDJSON

    def __init__(self) -> None:
        self._last: dict[str, Any] = {}

    def add(self, event: Event) -> bytes:
        match event:
            case OcrPage():
                return _row({"page": page_object(event)})
            case OcrProgress() if not event.fraction:
                return _row({"status": "reading", "completed": event.pages, "total": event.total})
            case Note(message=message):
                return _row({"note": message})
            case OcrDocument():
                self._last = {
                    "model": event.model,
                    "where": event.where,
                    "kind": event.kind,
                    "pages": event.pages,
                }
        return b""

    def end(self) -> bytes:
        return _row({"done": True, **self._last})

    def fail(self, error: Exception) -> bytes:
        return _row(error_object(error)) if isinstance(error, IngleError) else b""


class PageTexts:
    """Pages in one of the formats, as they come."""

    def __init__(self, form: str, name: str) -> None:
        self._form = FORMATS[form]
        self._name = name
        self._place = 0
        self.content_type = self._form.content_type

    def add(self, event: Event) -> bytes:
        match event:
            case OcrPage():
                start = "" if self._place else self._form.start(self._name)
                text = start + self._form.page(event, self._place, self._name)
                self._place += 1
                return text.encode()
            case OcrDocument():
                start = "" if self._place else self._form.start(self._name)
                return (start + self._form.end(event)).encode()
        return b""

    def end(self) -> bytes:
        return b""

    def fail(self, error: Exception) -> bytes:
        return b""  # it has a status, or it breaks off: a format of pages has no place for it


class PdfStream:
    """The bytes of a PDF."""

    content_type = PDF_TYPE

    def add(self, event: Event) -> bytes:
        return event.data if isinstance(event, PdfBytes) else b""

    def end(self) -> bytes:
        return b""

    def fail(self, error: Exception) -> bytes:
        return b""


def _one(fields: Fields, name: str) -> str:
    values = fields.get(name, ())
    return values[-1].strip() if values else ""


def _row(content: object) -> bytes:
    return encode(content) + b"\n"
