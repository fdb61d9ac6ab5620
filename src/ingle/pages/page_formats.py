"""How pages are written: ``text markdown json hocr alto``, each while pages still come."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, NamedTuple

import msgspec

from ingle.capabilities.ocr.operation import OcrDocument, OcrPage
from ingle.pages.alto import ALTO_END, alto_page, alto_start
from ingle.pages.hocr import HOCR_END, hocr_page, hocr_start
from ingle.pages.markdown import markdown
from ingle.pages.plain_text import plain_text


class PageFormat(NamedTuple):
    """A format of pages.

    Args:
        start: of the document's name.
        page: of a page, its place from 0, and the document's name.
        end: of what is told of the whole document.
    """

    ending: str
    content_type: str
    start: Callable[[str], str]
    page: Callable[[OcrPage, int, str], str]
    end: Callable[[OcrDocument], str]


def page_object(page: OcrPage) -> dict[str, Any]:
    """A page as JSON has it: all that is known of it, and its text."""
    known: dict[str, Any] = msgspec.to_builtins(page)
    del known["event"]
    return {
        "number": page.number,
        "width": page.width,
        "height": page.height,
        "dpi": page.dpi,
        "angle": page.angle,
        "source": page.source,
        "confidence": round(page.confidence, 4),
        "text": plain_text(page),
        "markdown": markdown(page),
        "blocks": [{"kind": "text", **block} for block in known.get("blocks", [])],
    }


def _nothing(_: object) -> str:
    return ""


def _json_page(page: OcrPage, place: int, _: str) -> str:
    return (", " if place else "") + json.dumps(page_object(page), ensure_ascii=False)


def _json_end(document: OcrDocument) -> str:
    told = {
        "model": document.model,
        "digest": document.digest,
        "where": document.where,
        "kind": document.kind,
    }
    return "], " + json.dumps(told)[1:] + "\n"


FORMATS: dict[str, PageFormat] = {
    "text": PageFormat(
        "txt",
        "text/plain; charset=utf-8",
        _nothing,
        lambda page, place, _: ("\f" if place else "") + plain_text(page),
        _nothing,
    ),
    "markdown": PageFormat(
        "md",
        "text/markdown; charset=utf-8",
        _nothing,
        lambda page, place, _: ("\n" if place else "") + markdown(page),
        _nothing,
    ),
    "json": PageFormat(
        "json",
        "application/json",
        lambda name: f'{{"file": {json.dumps(name, ensure_ascii=False)}, "pages": [',
        _json_page,
        _json_end,
    ),
    "hocr": PageFormat(
        "hocr",
        "text/html; charset=utf-8",
        lambda name: hocr_start(name, version("ingle")),
        lambda page, _, name: hocr_page(page, name),
        lambda _: HOCR_END,
    ),
    "alto": PageFormat(
        "xml",
        "application/xml",
        lambda name: alto_start(name, version("ingle")),
        lambda page, _, name: alto_page(page, name),
        lambda _: ALTO_END,
    ),
}
