"""Tesseract's hOCR as lines: words, their places, and the way their text runs."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from ingle.capabilities.ocr.operation import OcrLine, OcrWord, Polygon
from ingle.errors import EngineFault
from ingle.pages.geometry import Box, enclosing, polygon_of

_BOX = re.compile(r"\bbbox (\d+) (\d+) (\d+) (\d+)")
_ANGLE = re.compile(r"\btextangle (-?[\d.]+)")
_SLOPE = re.compile(r"\bbaseline (-?[\d.]+) ")
_CONFIDENCE = re.compile(r"\bx_wconf (-?[\d.]+)")
_LINES = frozenset({"ocr_line", "ocr_header", "ocr_caption", "ocr_textfloat"})
_LEAST = 0.1
"""Confidence: pictures and rules are taken for letters that it is next to sure not to be."""


def hocr_lines(data: bytes) -> list[OcrLine]:
    """The lines of all pages.

    Raises:
        EngineFault: it is not hOCR.
    """
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - Tesseract's own, in a worker
    except ElementTree.ParseError as error:
        raise EngineFault(f"tesseract's output cannot be read: {error}") from None
    lines = [_line(element) for element in root.iter() if element.get("class") in _LINES]
    return [line for line in lines if line is not None]


def _line(element: ElementTree.Element) -> OcrLine | None:
    title = element.get("title", "")
    turned = _ANGLE.search(title)
    # Counted counter-clockwise there.
    angle = round((360 - float(turned[1])) % 360) if turned else 0
    words = [
        word
        for inner in element.iter()
        if inner.get("class") == "ocrx_word"
        for word in (_word(inner, angle),)
        if word is not None
    ]
    box = _box(title)
    if not words or box is None:
        return None
    letters = sum(len(word.text) for word in words)
    return OcrLine(
        text=" ".join(word.text for word in words),
        polygon=_along(box, angle, title),
        confidence=round(sum(word.confidence * len(word.text) for word in words) / letters, 4),
        words=words,
    )


def _word(element: ElementTree.Element, angle: int) -> OcrWord | None:
    title = element.get("title", "")
    text = "".join(element.itertext()).strip()
    told = _CONFIDENCE.search(title)
    box = _box(title)
    confidence = float(told[1]) / 100 if told else 0.0
    if not text or box is None or confidence < _LEAST:
        return None
    return OcrWord(text=text, polygon=_placed(box, angle), confidence=round(confidence, 4))


def _box(title: str) -> Box | None:
    found = _BOX.search(title)
    return Box(*map(float, found.groups())) if found else None


def _placed(box: Box, angle: float) -> Polygon:
    corners = [(x, y) for x in (box.left, box.right) for y in (box.top, box.bottom)]
    return enclosing(corners, angle)


def _along(box: Box, angle: int, title: str) -> Polygon:
    """A line as a polygon along its base, which may climb a little."""
    slope = _SLOPE.search(title)
    climb = float(slope[1]) if slope else 0.0
    if angle or not climb:
        return _placed(box, angle)
    rise = climb * box.width
    height = max(1.0, box.height - abs(rise))
    top = box.top if rise >= 0 else box.top - rise
    return polygon_of(
        [
            (box.left, top),
            (box.right, top + rise),
            (box.right, top + rise + height),
            (box.left, top + height),
        ]
    )
