"""Pages as ALTO 4 (Library of Congress, www.loc.gov/standards/alto), as libraries keep them."""

from __future__ import annotations

from ingle.capabilities.ocr.operation import OcrBlock, OcrLine, OcrPage, OcrWord, Polygon
from ingle.pages.geometry import around, bounds
from ingle.pages.line_words import words_of
from ingle.pages.xml_text import xml_text

_START = """<?xml version="1.0" encoding="UTF-8"?>
<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://www.loc.gov/standards/alto/ns-v4# \
http://www.loc.gov/standards/alto/v4/alto-4-4.xsd">
<Description>
<MeasurementUnit>pixel</MeasurementUnit>
<sourceImageInformation><fileName>{name}</fileName></sourceImageInformation>
<Processing ID="PROCESSING_1"><processingSoftware>\
<softwareName>ingle</softwareName><softwareVersion>{version}</softwareVersion>\
</processingSoftware></Processing>
</Description>
<Layout>
"""
ALTO_END = "</Layout>\n</alto>\n"


def alto_start(name: str, version: str) -> str:
    """What is before the first page."""
    return _START.format(name=xml_text(name), version=xml_text(version))


def alto_page(page: OcrPage, name: str) -> str:
    """One page as an element."""
    number = page.number
    inner = "".join(
        _block(block, f"{number}_{at}", page.angle) for at, block in enumerate(page.blocks, 1)
    )
    return (
        f'<Page ID="PAGE_{number}" PHYSICAL_IMG_NR="{number}" WIDTH="{page.width}" '
        f'HEIGHT="{page.height}" PC="{page.confidence:.3f}" PROCESSINGREFS="PROCESSING_1">\n'
        f'<PrintSpace HPOS="0" VPOS="0" WIDTH="{page.width}" HEIGHT="{page.height}">\n'
        f"{inner}</PrintSpace>\n</Page>\n"
    )


def _block(block: OcrBlock, place: str, angle: float) -> str:
    box = _box(around([line.polygon for line in block.lines]))
    if not block.cells:
        return _text_block(block.lines, f"BLOCK_{place}", box, angle)
    cells = "".join(
        _text_block(
            cell.lines,
            f"BLOCK_{place}_{at}",
            _box(around([line.polygon for line in cell.lines])),
            angle,
        )
        for at, cell in enumerate(block.cells, 1)
    )
    return f'<ComposedBlock ID="TABLE_{place}" {box} TYPE="table">\n{cells}</ComposedBlock>\n'


def _text_block(lines: list[OcrLine], name: str, box: str, angle: float) -> str:
    # Rotation is counted counter-clockwise there.
    turn = f' ROTATION="{round((360 - angle) % 360, 2):g}"' if round(angle) % 360 else ""
    inner = "".join(_line(line, f"{name}_{at}") for at, line in enumerate(lines, 1))
    return f'<TextBlock ID="{name}" {box}{turn}>\n{inner}</TextBlock>\n'


def _line(line: OcrLine, name: str) -> str:
    words = "<SP/>".join(_string(word) for word in words_of(line))
    return f'<TextLine ID="{name}" {_box(line.polygon)}>{words}</TextLine>\n'


def _string(word: OcrWord) -> str:
    return (
        f'<String CONTENT="{xml_text(word.text)}" {_box(word.polygon)} '
        f'WC="{min(1.0, max(0.0, word.confidence)):.3f}"/>'
    )


def _box(polygon: Polygon) -> str:
    left, top, right, bottom = (max(0, round(edge)) for edge in bounds(polygon))
    return f'HPOS="{left}" VPOS="{top}" WIDTH="{right - left}" HEIGHT="{bottom - top}"'
