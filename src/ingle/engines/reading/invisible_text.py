"""Text that is found and copied, but not seen: words over the picture that they were read on.

The font has no shapes, so that any character can be written without a font file: a Type 3 font
(ISO 32000-1, 9.6.5) of empty glyphs, whose ToUnicode map says what they are. 255 characters are in
one; there are as many fonts as a document has characters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import pikepdf

from ingle.capabilities.ocr.operation import OcrLine, OcrPage
from ingle.pages.geometry import Point, corners
from ingle.pages.line_words import words_of

LETTERS = 255
LEAST = 0.01
"""Points of a word's side: what is less is no place."""
LEVELLED = 8.0
"""Degrees."""
WIDTH, DESCENT = 500, 0.22
"""Of a glyph, in thousandths of its size; and what of a line is below its base."""


class PageFrame(NamedTuple):
    """Where the picture of a page lies on it."""

    box: tuple[float, ...]
    """Left, bottom, right, top in points."""
    rotate: int
    """Degrees by which it is turned clockwise where it is shown."""

    def point(self, x: float, y: float, page: OcrPage) -> Point:
        """In points, of a place in pixels of the page as it is shown."""
        left, bottom, right, top = self.box
        across, down = x / page.width, y / page.height
        match self.rotate:
            case 90:
                return left + down * (right - left), bottom + across * (top - bottom)
            case 180:
                return right - across * (right - left), bottom + down * (top - bottom)
            case 270:
                return right - down * (right - left), top - across * (top - bottom)
        return left + across * (right - left), top - down * (top - bottom)


class InvisibleFonts:
    """The fonts of one PDF, made as characters come."""

    def __init__(self, pdf: pikepdf.Pdf) -> None:
        self._pdf = pdf
        self._codes: dict[str, tuple[int, int]] = {}
        self._fonts: list[Any] = []
        self._glyph = pdf.make_indirect(pikepdf.Stream(pdf, f"{WIDTH} 0 d0".encode()))

    def runs(self, text: str) -> list[tuple[Any, bytes]]:
        """A text as fonts and their codes."""
        runs: list[tuple[int, bytearray]] = []
        for letter in text:
            font, code = self._code(letter)
            if not runs or runs[-1][0] != font:
                runs.append((font, bytearray()))
            runs[-1][1].append(code)
        return [(self._fonts[font], bytes(codes)) for font, codes in runs]

    def close(self) -> None:
        """All text was written: the fonts can say which characters they have."""
        for number, font in enumerate(self._fonts):
            letters = [(code, letter) for letter, (at, code) in self._codes.items() if at == number]
            font.ToUnicode = pikepdf.Stream(self._pdf, _to_unicode(letters))

    def _code(self, letter: str) -> tuple[int, int]:
        if letter not in self._codes:
            number, code = divmod(len(self._codes), LETTERS)
            if not code:
                self._fonts.append(self._made())
            self._codes[letter] = number, code + 1
        return self._codes[letter]

    def _made(self) -> Any:
        name = pikepdf.Name("/empty")
        return self._pdf.make_indirect(
            pikepdf.Dictionary(
                Type=pikepdf.Name.Font,
                Subtype=pikepdf.Name.Type3,
                FontBBox=[0, round(-1000 * DESCENT), WIDTH, round(1000 * (1 - DESCENT))],
                FontMatrix=[0.001, 0, 0, 0.001, 0, 0],
                CharProcs=pikepdf.Dictionary({"/empty": self._glyph}),
                Encoding=pikepdf.Dictionary(
                    Type=pikepdf.Name.Encoding,
                    Differences=pikepdf.Array([1, *[name] * LETTERS]),
                ),
                FirstChar=1,
                LastChar=LETTERS,
                Widths=pikepdf.Array([WIDTH] * LETTERS),
                Resources=pikepdf.Dictionary(),
                FontDescriptor=pikepdf.Dictionary(
                    Type=pikepdf.Name.FontDescriptor,
                    FontName=pikepdf.Name("/Invisible"),
                    Flags=4,
                    ItalicAngle=0,
                    Ascent=round(1000 * (1 - DESCENT)),
                    Descent=round(-1000 * DESCENT),
                ),
            )
        )


def text_operators(page: OcrPage, frame: PageFrame, fonts: InvisibleFonts, target: Any) -> bytes:
    """What writes the words of a page that are not there as text; empty where there are none."""
    names: dict[int, str] = {}
    parts = [
        part
        for line in page.lines
        if not line.embedded
        for part in _line(line, page, frame, fonts, target, names)
    ]
    return b"BT 3 Tr\n" + "\n".join(parts).encode() + b"\nET\n" if parts else b""


def _line(
    line: OcrLine,
    page: OcrPage,
    frame: PageFrame,
    fonts: InvisibleFonts,
    target: Any,
    names: dict[int, str],
) -> list[str]:
    parts: list[str] = []
    words = [
        (word.text, [frame.point(x, y, page) for x, y in corners(word.polygon)])
        for word in words_of(line)
    ]
    for at, (text, place) in enumerate(words):
        pieces = [(text, place)]
        if at + 1 < len(words):
            # A space that is as wide as the gap: without it, readers of PDFs join close words.
            following = words[at + 1][1]
            pieces.append((" ", [place[1], following[0], following[3], place[2]]))
        for letters, corner in pieces:
            matrix = _matrix(letters, corner)
            if not matrix:
                continue
            parts.append(matrix)
            for font, codes in fonts.runs(letters):
                number = font.objgen[0]
                if number not in names:
                    names[number] = str(target.add_resource(font, pikepdf.Name.Font))
                parts.append(f"{names[number]} 1 Tf <{codes.hex()}> Tj")
    return parts


def _matrix(text: str, place: Sequence[Point]) -> str:
    """What sets the text matrix: the glyphs together as wide as their place, each as high.

    Text that is a little askew is written level, word by word: readers of PDFs take letters that
    climb for parts of several lines.
    """
    (x0, y0), _, (x2, y2), (x3, y3) = place
    height, width = math.dist((x0, y0), (x3, y3)), math.dist((x2, y2), (x3, y3))
    if height < LEAST or width < LEAST:
        return ""
    along, up = (x2 - x3, y2 - y3), (x0 - x3, y0 - y3)
    askew = math.degrees(math.atan2(along[1], along[0]))
    straight = 90 * round(askew / 90)
    if abs(askew - straight) <= LEVELLED:
        turn = math.radians(straight)
        along = width * math.cos(turn), width * math.sin(turn)
        up = -height * math.sin(turn), height * math.cos(turn)
        middle = (x0 + x2) / 2, (y0 + y2) / 2
        x3 = middle[0] - (along[0] + up[0]) / 2
        y3 = middle[1] - (along[1] + up[1]) / 2
    letter = len(text) * WIDTH / 1000
    numbers = (
        along[0] / letter, along[1] / letter, *up, x3 + DESCENT * up[0], y3 + DESCENT * up[1],
    )  # fmt: skip
    return " ".join(f"{number:.4f}" for number in numbers) + " Tm"


def _to_unicode(letters: list[tuple[int, str]]) -> bytes:
    rows = [f"<{code:02x}> <{letter.encode('utf-16-be').hex()}>" for code, letter in letters]
    # One block holds 100 rows at most.
    blocks = [rows[at : at + 100] for at in range(0, len(rows), 100)]
    body = "\n".join(
        f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks
    )
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CMapName /Invisible def\n/CMapType 2 def\n"
        "1 begincodespacerange\n<00> <ff>\nendcodespacerange\n"
        f"{body}\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    ).encode()
