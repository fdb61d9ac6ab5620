"""Pages as hOCR: HTML with the place of each word (specification 1.2, kba.github.io/hocr-spec)."""

from __future__ import annotations

from ingle.capabilities.ocr.operation import OcrBlock, OcrLine, OcrPage, Polygon
from ingle.pages.geometry import around, bounds
from ingle.pages.line_words import words_of
from ingle.pages.xml_text import xml_text

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml">
<head>
<title>{name}</title>
<meta http-equiv="Content-Type" content="text/html;charset=utf-8" />
<meta name="ocr-system" content="ingle {version}" />
<meta name="ocr-capabilities" content="ocr_page ocr_carea ocr_par ocr_line ocrx_word ocr_table" />
</head>
<body>
"""
HOCR_END = "</body>\n</html>\n"


def hocr_start(name: str, version: str) -> str:
    """What is before the first page."""
    return _HEAD.format(name=xml_text(name), version=xml_text(version))


def hocr_page(page: OcrPage, name: str) -> str:
    """One page as an element."""
    number = page.number
    # A name stands in single quotes of an attribute and in double ones of a property.
    image = xml_text(name.replace('"', "").replace("\\", "/"))
    title = f'image "{image}"; bbox 0 0 {page.width} {page.height}; ppageno {number - 1}'
    if page.dpi:
        title += f"; scan_res {page.dpi} {page.dpi}"
    inner = "".join(
        _block(block, f"{number}_{at}", page.angle) for at, block in enumerate(page.blocks, 1)
    )
    return f"<div class='ocr_page' id='page_{number}' title='{_quoted(title)}'>\n{inner}</div>\n"


def _block(block: OcrBlock, place: str, angle: float) -> str:
    kind = "ocr_table" if block.cells else "ocr_carea"
    box = _box(around([line.polygon for line in block.lines]))
    lines = "".join(_line(line, f"{place}_{at}", angle) for at, line in enumerate(block.lines, 1))
    return (
        f"<div class='{kind}' id='block_{place}' title='{box}'>\n"
        f"<p class='ocr_par' id='par_{place}' title='{box}'>\n{lines}</p>\n</div>\n"
    )


def _line(line: OcrLine, place: str, angle: float) -> str:
    title = _box(line.polygon)
    if round(angle) % 360:
        title += f"; textangle {round((360 - angle) % 360, 2):g}"  # counted the other way there
    words = " ".join(
        f"<span class='ocrx_word' id='word_{place}_{at}' "
        f"title='{_box(word.polygon)}; x_wconf {round(100 * word.confidence)}'>"
        f"{xml_text(word.text)}</span>"
        for at, word in enumerate(words_of(line), 1)
    )
    return f"<span class='ocr_line' id='line_{place}' title='{title}'>{words}</span>\n"


def _box(polygon: Polygon) -> str:
    left, top, right, bottom = (max(0, round(edge)) for edge in bounds(polygon))
    return f"bbox {left} {top} {right} {bottom}"


def _quoted(title: str) -> str:
    return title.replace("'", "&#39;")
