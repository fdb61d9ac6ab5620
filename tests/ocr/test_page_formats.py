"""Pages as text, Markdown, JSON, hOCR and ALTO, also with what markup would trip over."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingle.capabilities.ocr.operation import (
    OcrBlock,
    OcrCell,
    OcrDocument,
    OcrLine,
    OcrPage,
    OcrWord,
)
from ingle.pages.geometry import Box, box_polygon
from ingle.pages.page_formats import FORMATS

ALTO = "{http://www.loc.gov/standards/alto/ns-v4#}"
END = OcrDocument(pages=1, read=1, kind="png", model="reader")


def line(text: str, top: int, height: int = 20) -> OcrLine:
    box = Box(10, top, 10 + 10 * len(text), top + height)
    return OcrLine(
        text=text,
        polygon=box_polygon(box),
        confidence=0.9,
        words=[
            OcrWord(text=word, polygon=box_polygon(box), confidence=0.9) for word in text.split()
        ],
    )


def page(*blocks: OcrBlock, angle: float = 0.0) -> OcrPage:
    return OcrPage(number=2, width=400, height=300, dpi=100, angle=angle, blocks=list(blocks))


def written(form: str, *pages: OcrPage, name: str = "scan.png") -> str:
    kind = FORMATS[form]
    body = "".join(kind.page(page, at, name) for at, page in enumerate(pages))
    return kind.start(name) + body + kind.end(END)


TABLE = OcrBlock(
    kind="table",
    lines=[line("a|b", 100), line("2", 100), line("sum", 140)],
    cells=[
        OcrCell(row=0, column=0, lines=[line("a|b", 100)]),
        OcrCell(row=0, column=1, lines=[line("2", 100)]),
        OcrCell(row=1, column=1, lines=[line("sum", 140)]),
    ],
)
HEADING = OcrBlock(lines=[line("A heading", 10, 40)])
TEXT = OcrBlock(lines=[line("One line", 60), line("and another", 80)])
WHOLE = page(HEADING, TEXT, TABLE)


def test_text_and_markdown() -> None:
    assert written("text", WHOLE, page(TEXT)) == (
        "A heading\n\nOne line\nand another\n\na|b\t2\n\tsum\n\fOne line\nand another\n"
    )
    assert written("markdown", WHOLE) == (
        "# A heading\n\nOne line\nand another\n\n| a\\|b | 2 |\n| --- | --- |\n|  | sum |\n"
    )
    assert written("text", page()) == written("markdown", page()) == ""


def test_json_is_one_document() -> None:
    told = json.loads(written("json", WHOLE, page()))
    assert told["file"] == "scan.png"
    assert (told["model"], told["kind"]) == ("reader", "png")
    first, second = told["pages"]
    assert (first["number"], first["dpi"], first["confidence"]) == (2, 100, 0.9)
    assert [block["kind"] for block in first["blocks"]] == ["text", "text", "table"]
    assert first["blocks"][1]["lines"][0]["polygon"] == [10, 60, 90, 60, 90, 80, 10, 80]
    assert second["blocks"] == []


def test_hocr_has_the_place_of_each_word() -> None:
    root = ElementTree.fromstring(written("hocr", page(TEXT, angle=90), name='a "scan" & more'))
    (found,) = [each for each in root.iter() if each.get("class") == "ocr_page"]
    assert found.get("title") == (
        'image "a scan & more"; bbox 0 0 400 300; ppageno 1; scan_res 100 100'
    )
    words = [each for each in root.iter() if each.get("class") == "ocrx_word"]
    assert [word.text for word in words] == ["One", "line", "and", "another"]
    assert words[0].get("title") == "bbox 10 60 90 80; x_wconf 90"
    lines = [each for each in root.iter() if each.get("class") == "ocr_line"]
    assert lines[0].get("title") == "bbox 10 60 90 80; textangle 270"
    ids = [each.get("id") for each in root.iter() if each.get("id")]
    assert len(ids) == len(set(ids))


def test_alto_has_what_its_schema_asks_for() -> None:
    """Checked against version 4.4 of the schema as well (docs/log)."""
    root = ElementTree.fromstring(written("alto", WHOLE, OcrPage(number=3, width=9, height=9)))
    assert [child.tag for child in root] == [f"{ALTO}Description", f"{ALTO}Layout"]
    description = [child.tag.removeprefix(ALTO) for child in root[0]]
    assert description == ["MeasurementUnit", "sourceImageInformation", "Processing"]
    pages = root[1].findall(f"{ALTO}Page")
    assert [found.get("PHYSICAL_IMG_NR") for found in pages] == ["2", "3"]
    strings = list(root.iter(f"{ALTO}String"))
    assert strings[0].attrib == {
        "CONTENT": "A", "HPOS": "10", "VPOS": "10", "WIDTH": "90", "HEIGHT": "40", "WC": "0.900",
    }  # fmt: skip
    assert root.find(f".//{ALTO}ComposedBlock[@TYPE='table']/{ALTO}TextBlock") is not None
    ids = [each.get("ID") for each in root.iter() if each.get("ID")]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("form", ["hocr", "alto", "json"])
@given(text=st.text(min_size=1, max_size=20), name=st.text(max_size=10))
def test_any_text_can_be_written(form: str, text: str, name: str) -> None:
    words = [OcrWord(text=text, polygon=box_polygon(Box(0, 0, 5, 5)))]
    one = OcrLine(text=text, polygon=box_polygon(Box(0, 0, 5, 5)), words=words)
    told = written(form, page(OcrBlock(lines=[one])), name=name)
    if form == "json":
        assert json.loads(told)["pages"][0]["blocks"][0]["lines"][0]["text"] == text
    else:
        ElementTree.fromstring(told.encode("utf-8", "surrogatepass"))
