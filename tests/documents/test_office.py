"""Office files, books and mail, made by the libraries that people make them with."""

from __future__ import annotations

import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from ingle.documents.document_file import DocumentFile
from ingle.documents.kinds import read
from ingle.errors import InvalidRequest

pytestmark = pytest.mark.extras


def shown(path: Path) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in read(DocumentFile(path, path.name))]


def test_word(tmp_path: Path) -> None:
    import docx

    document = docx.Document()
    document.add_heading("Report", 1)
    document.add_paragraph("First.")
    table = document.add_table(2, 2)
    for row, texts in zip(table.rows, (("a", "b"), ("1", "2")), strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    document.add_paragraph("one", style="List Bullet")
    document.save(str(tmp_path / "a.docx"))
    assert shown(tmp_path / "a.docx") == [
        ("heading", "Report"),
        ("paragraph", "First."),
        ("table", "| a | b |\n| --- | --- |\n| 1 | 2 |"),
        ("list", "- one"),
    ]


def test_slides_are_pages(tmp_path: Path) -> None:
    import pptx

    deck = pptx.Presentation()
    for number in (1, 2):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = f"Title {number}"
        slide.placeholders[1].text = f"Body {number}"
        slide.notes_slide.notes_text_frame.text = f"Said {number}"
    deck.save(str(tmp_path / "a.pptx"))
    found = list(read(DocumentFile(tmp_path / "a.pptx", "a.pptx")))
    assert [(block.text, block.page) for block in found] == [
        ("Title 1", 1), ("Body 1", 1), ("Said 1", 1), ("Title 2", 2), ("Body 2", 2), ("Said 2", 2),
    ]  # fmt: skip


def test_a_sheet_repeats_its_heading(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    book.active.title = "Costs"
    for row in [("what", "cost"), *((f"thing {n}", n) for n in range(30))]:
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    found = list(read(DocumentFile(tmp_path / "a.xlsx", "a.xlsx")))
    assert [block.kind for block in found] == ["heading", "table", "table"]
    assert found[2].text.startswith("| what | cost |")
    assert found[2].text.endswith("| thing 29 | 29 |")


def test_a_book_is_read_in_its_order(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.epub", "w") as book:
        book.writestr(
            "META-INF/container.xml",
            '<container><rootfiles><rootfile full-path="in/book.opf"/></rootfiles></container>',
        )
        book.writestr(
            "in/book.opf",
            '<package><manifest><item id="b" href="b%20b.xhtml"/><item id="a" href="a.xhtml"/>'
            '</manifest><spine><itemref idref="a"/><itemref idref="b"/></spine></package>',
        )
        book.writestr("in/a.xhtml", "<h1>One</h1><p>Begins.</p>")
        book.writestr("in/b b.xhtml", "<h1>Two</h1><p>Ends.</p>")
    assert [text for _, text in shown(tmp_path / "a.epub")] == ["One", "Begins.", "Two", "Ends."]


def test_mail(tmp_path: Path) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"] = "Grüße", "Ada <ada@example.org>"
    mail.set_content("Hello.\n\nBye.")
    mail.add_alternative("<p>Hello.</p>", subtype="html")
    mail.add_attachment(b"x" * 99, maintype="application", subtype="zip", filename="x.zip")
    (tmp_path / "a.eml").write_bytes(bytes(mail))
    expected = [
        ("heading", "Grüße"),
        ("paragraph", "From: Ada <ada@example.org>"),
        ("paragraph", "Hello."),
        ("paragraph", "Bye."),
    ]
    assert shown(tmp_path / "a.eml") == expected
    box = b"".join(b"From ada Mon Nov 30 12:00:00 2026\n" + bytes(mail) + b"\n" for _ in range(2))
    (tmp_path / "a.mbox").write_bytes(box)
    assert shown(tmp_path / "a.mbox") == expected * 2
    (tmp_path / "b.eml").write_bytes(b"Content-Type: text/plain; charset=nope\n\nHi")
    assert shown(tmp_path / "b.eml")[-1] == ("paragraph", "Hi")


def test_a_pdf_has_pages_and_its_outline(tmp_path: Path) -> None:
    path = pdf(tmp_path / "a.pdf", ["The first page.", "The second page."])
    assert [(block.text, block.page) for block in read(DocumentFile(path, "a.pdf"))] == [
        ("The first page.", 1),
        ("The second page.", 2),
    ]


@pytest.mark.parametrize("name", ["a.docx", "a.pptx", "a.xlsx", "a.epub", "a.pdf"])
@pytest.mark.parametrize("data", [b"", b"junk" * 99, b"PK\x03\x04" + bytes(99), b"%PDF-1.7\n%"])
def test_damaged_files_say_so(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InvalidRequest, match=name):
        list(read(DocumentFile(tmp_path / name, name)))


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("word/document.xml", bytes(64 << 20))
    with pytest.raises(InvalidRequest, match="refused"):
        list(read(DocumentFile(path, "a.docx")))


def pdf(path: Path, pages: list[str]) -> Path:
    """A PDF with a line on each page."""
    objects = ["<</Type/Catalog/Pages 2 0 R>>", ""]
    kids = []
    for text in pages:
        stream = f"BT /F 12 Tf 72 700 Td ({text}) Tj ET"
        objects.append(f"<</Length {len(stream)}>>stream\n{stream}\nendstream")
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F"
            f"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>/Contents {len(objects)} 0 R>>"
        )
    objects[1] = f"<</Type/Pages/Kids[{' '.join(kids)}]/Count {len(kids)}>>"
    body, places = "%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    body += f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer<</Size {size}/Root 1 0 R>>\n"
    body += f"startxref\n{body.index('xref')}\n%%EOF"
    path.write_bytes(body.encode("latin-1"))
    return path
