"""``POST /v1/ocr`` as Mistral's clients ask it (docs.mistral.ai, API reference, "OCR").

Documents are data URLs: nothing is fetched from the web for a client, and no files are kept.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from ingle.capabilities.ocr.operation import Ocr, OcrDocument, OcrPage
from ingle.errors import InvalidRequest, UnsafeURL
from ingle.operations.blob import Blob
from ingle.pages.markdown import markdown
from ingle.wire.body import Body, decode
from ingle.wire.sse import encode

_THEIRS = "mistral-ocr"
"""Their models' names begin so; clients send one where no one chose another."""


class _Url(msgspec.Struct):
    url: str


class _Document(msgspec.Struct, kw_only=True):
    type: Literal["document_url", "image_url", "file"]
    document_url: str | None = None
    document_name: str | None = None
    image_url: str | _Url | None = None


class _OcrBody(Body, kw_only=True):
    document: _Document
    model: str | None = None
    pages: list[int] | str | None = None
    document_annotation_format: dict[str, Any] | None = None
    bbox_annotation_format: dict[str, Any] | None = None


class MistralRequest(NamedTuple):
    """What the client asked."""

    data: bytes
    """The document."""
    name: str
    model: str
    pages: str

    def operation(self, document: Blob) -> Ocr:
        """The request, of the document as it lies in the node. Raises InvalidRequest."""
        return Ocr(model=self.model, document=document, pages=self.pages)


def parse(data: bytes, model: str) -> MistralRequest:
    """Read a request.

    Args:
        model: where none is named, or one of theirs.

    Raises:
        InvalidRequest: names the client's field.
        UnsafeURL: the document is to be fetched.
    """
    body = decode(data, _OcrBody)
    for name in ("document_annotation_format", "bbox_annotation_format"):
        if getattr(body, name) is not None:
            raise InvalidRequest(f"{name}: annotations are not made here", field=name)
    asked = body.document
    url = asked.document_url if asked.type == "document_url" else asked.image_url
    if asked.type == "file" or url is None:
        raise InvalidRequest(
            f"document: a document of type {asked.type} needs its data URL in document_url or "
            "image_url",
            field="document",
        )
    content = _decoded(url.url if isinstance(url, _Url) else url, f"document.{asked.type}")
    named = body.model or ""
    return MistralRequest(
        data=content,
        name=asked.document_name or "document",
        model=model if not named or named.startswith(_THEIRS) else named,
        pages=_pages(body.pages),
    )


def answer(request: MistralRequest, pages: Sequence[OcrPage], end: OcrDocument) -> bytes:
    """The answer: a page's text is Markdown there."""
    return encode(
        {
            "pages": [
                {
                    "index": page.number - 1,
                    "markdown": markdown(page),
                    "images": [],
                    "dimensions": {"dpi": page.dpi, "height": page.height, "width": page.width},
                }
                for page in pages
            ],
            "model": end.model,
            "document_annotation": None,
            "usage_info": {"pages_processed": len(pages), "doc_size_bytes": len(request.data)},
        }
    )


def _decoded(url: str, field: str) -> bytes:
    head, comma, payload = url.partition(",")
    if not head.lower().startswith("data:"):
        raise UnsafeURL(
            f"{field}: documents are not fetched from the web here",
            hint="send it as a data URL (data:application/pdf;base64,...)",
            field=field,
        )
    if not comma or not head.lower().endswith(";base64"):
        raise InvalidRequest(f"{field}: a data URL must be base64", field=field)
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"{field}: not base64", field=field) from None


def _pages(pages: list[int] | str | None) -> str:
    """Theirs count from 0."""
    if pages is None or pages in ([], ""):
        return ""
    if isinstance(pages, str):
        given = pages.replace(" ", "")
        parts = [part.split("-") for part in given.split(",")]
        if not all(number.isdecimal() and number.isascii() for part in parts for number in part):
            raise InvalidRequest(
                f"pages: {pages!r} is not a list of pages such as 0-2,6", field="pages"
            )
        return ",".join("-".join(str(int(number[:9]) + 1) for number in part) for part in parts)
    if min(pages) < 0:
        raise InvalidRequest("pages: they count from 0", field="pages")
    return ",".join(str(number + 1) for number in pages)
