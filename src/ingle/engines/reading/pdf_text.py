"""The text that a PDF's page holds as text, with the places of its words."""

from __future__ import annotations

import ctypes
import math
import unicodedata
from collections.abc import Iterator
from typing import Any, NamedTuple

import pypdfium2.raw as raw

from ingle.capabilities.ocr.operation import OcrLine, OcrWord, Polygon
from ingle.pages.geometry import Box, Point, enclosing

MOST_LETTERS = 200_000
"""Of one page: what comes behind is left out."""
UNSOUND = 0.1
"""Share of letters that mean nothing, from which on a page's text is not believed."""
_FINE = 16
"""PDFium tells places in whole pixels: it is asked of a page that is larger."""
_WITHOUT_MEANING = frozenset({"Cc", "Co", "Cn", "Cs"})


class PageSpace:
    """From a page's own coordinates (points, upwards) to pixels of the page as it is drawn."""

    def __init__(self, page: Any, width: int, height: int) -> None:
        def device(x: float, y: float) -> Point:
            across, down = ctypes.c_int(), ctypes.c_int()
            raw.FPDF_PageToDevice(page, 0, 0, width * _FINE, height * _FINE, 0, x, y, across, down)
            return across.value / _FINE, down.value / _FINE

        self._origin = device(0, 0)
        far_x, far_y = device(1000, 0), device(0, 1000)
        self._x = (far_x[0] - self._origin[0]) / 1000, (far_x[1] - self._origin[1]) / 1000
        self._y = (far_y[0] - self._origin[0]) / 1000, (far_y[1] - self._origin[1]) / 1000

    def point(self, x: float, y: float) -> Point:
        """In pixels."""
        return (
            self._origin[0] + x * self._x[0] + y * self._y[0],
            self._origin[1] + x * self._x[1] + y * self._y[1],
        )

    def box(self, left: float, bottom: float, right: float, top: float) -> Box:
        """A rectangle, in pixels."""
        points = [self.point(x, y) for x in (left, right) for y in (bottom, top)]
        xs, ys = [x for x, _ in points], [y for _, y in points]
        return Box(min(xs), min(ys), max(xs), max(ys))

    def angle(self, radians: float) -> float:
        """Degrees clockwise of text that runs so much counter-clockwise in the page's own space."""
        x, y = math.cos(radians), math.sin(radians)
        across = x * self._x[0] + y * self._y[0]
        down = x * self._x[1] + y * self._y[1]
        return math.degrees(math.atan2(down, across)) % 360


class _Letter(NamedTuple):
    text: str
    corners: tuple[Point, ...]
    angle: float


def text_lines(page: Any, space: PageSpace) -> tuple[list[OcrLine], str]:
    """The lines of a page, and what is wrong with them.

    There are none if too many of their letters mean nothing, as where a font does not say which
    letters its shapes are.
    """
    textpage = page.get_textpage()
    try:
        count = textpage.count_chars()
        letters = list(_letters(textpage, min(count, MOST_LETTERS), space))
    finally:
        textpage.close()
    visible = [letter for letter in letters if letter.text.strip()]
    bad = sum(_means_nothing(letter.text) for letter in visible)
    if not visible or bad > UNSOUND * len(visible):
        return [], ""
    lines = list(_lines(letters, space))
    over = count - MOST_LETTERS
    return lines, f"{over} letters beyond the limit of a page are left out" if over > 0 else ""


def _letters(textpage: Any, count: int, space: PageSpace) -> Iterator[_Letter]:
    box = raw.FS_RECTF()
    for at in range(count):
        text = _character(raw.FPDFText_GetUnicode(textpage, at))
        # As high as its font, so that all letters of a line are.
        raw.FPDFText_GetLooseCharBox(textpage, at, box)
        corners = tuple(
            space.point(x, y) for x in (box.left, box.right) for y in (box.bottom, box.top)
        )
        yield _Letter(text, corners, raw.FPDFText_GetCharAngle(textpage, at))


def _character(code: int) -> str:
    # PDFium tells letters beyond the basic plane as halves of a pair, of which only one is asked.
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"


def _means_nothing(text: str) -> bool:
    return text == "\ufffd" or (text != "\x02" and unicodedata.category(text) in _WITHOUT_MEANING)


def _split(letters: list[_Letter], at: str) -> Iterator[list[_Letter]]:
    part: list[_Letter] = []
    for letter in letters:
        if letter.text in at:
            if part:
                yield part
            part = []
        else:
            part.append(letter)
    if part:
        yield part


def _lines(letters: list[_Letter], space: PageSpace) -> Iterator[OcrLine]:
    for part in _split(letters, "\r\n"):
        words = [word for word in _split(part, " \t\xa0\u3000") if word]
        if not words:
            continue
        angle = space.angle(words[0][0].angle)
        told = [OcrWord(text=_text(word), polygon=_polygon(word, angle)) for word in words]
        yield OcrLine(
            text=" ".join(word.text for word in told),
            polygon=_polygon([letter for word in words for letter in word], angle),
            embedded=True,
            words=told,
        )


def _text(letters: list[_Letter]) -> str:
    # U+0002 is PDFium's mark of a hyphen at the end of a line.
    return "".join("-" if letter.text == "\x02" else letter.text for letter in letters)


def _polygon(letters: list[_Letter], angle: float) -> Polygon:
    return enclosing([corner for letter in letters for corner in letter.corners], angle)
