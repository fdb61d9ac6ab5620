"""PDFs through a real worker: what is there as text is taken, what is a picture is read."""

from __future__ import annotations

import html
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pikepdf
import pytest
from recipes.pages.character_error import character_error
from recipes.pages.pictures import LINES, PAGES

from ingle import AsyncHome, open_async
from ingle.capabilities.ocr.operation import Ocr, OcrPage
from ingle.config import Settings
from ingle.errors import InvalidRequest
from ingle.operations.events import Note
from ingle.pages.geometry import bounds

from . import pdf_files

pytestmark = [pytest.mark.extras, pytest.mark.anyio]

TEXT = ("Rivers carry more than water.", "They bring the mountains in.")


@pytest.fixture
async def home(settings: Settings) -> AsyncIterator[AsyncHome]:
    async with open_async(settings) as opened:
        yield opened


def boxes_found(path: Path) -> list[tuple[str, tuple[float, ...]]]:
    """Words and their places in points, as pdftotext finds them."""
    shown = subprocess.run(
        ["pdftotext", "-bbox", str(path), "-"], capture_output=True, text=True, check=True
    ).stdout
    row = r'<word xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.-]+)" yMax="([\d.-]+)">([^<]*)<'
    return [
        (html.unescape(m[5]), tuple(float(m[n]) for n in range(1, 5)))
        for m in re.finditer(row, shown)
    ]


def word_count(page: OcrPage) -> int:
    return sum(len(line.words) for line in page.lines)


@pytest.mark.parametrize("rotate", [0, 90, 270])
async def test_text_that_is_there_is_taken(home: AsyncHome, tmp_path: Path, rotate: int) -> None:
    path = pdf_files.text_pdf(tmp_path / "text.pdf", [TEXT], rotate=rotate)
    (page,) = (await home.ocr(path)).pages
    assert [line.text for line in page.lines] == list(TEXT)
    assert (page.source, page.dpi, page.angle) == ("text", 200, rotate)
    assert all(line.embedded for line in page.lines)
    left = round(72 * 200 / 72)
    box = bounds(page.lines[0].polygon)
    starts = {0: box.left, 90: box.top, 270: page.height - box.bottom}
    assert starts[rotate] == pytest.approx(left, abs=4)


async def test_a_scan_is_read_and_what_is_text_beside_it_is_kept(
    home: AsyncHome, tmp_path: Path
) -> None:
    scan = PAGES["sans"]().image
    path = pdf_files.scanned_pdf(tmp_path / "scan.pdf", [scan], "Exhibit 4, page 1 of 9")
    (page,) = (await home.ocr(path)).pages
    assert page.source == "both"
    assert [line.text for line in page.lines if line.embedded] == ["Exhibit 4, page 1 of 9"]
    read = "".join(line.text for line in page.lines if not line.embedded)
    assert character_error("".join(LINES), read) <= 0.01
    (only,) = (await home.ocr(path, text_layer="only")).pages
    assert [line.text for line in only.lines] == ["Exhibit 4, page 1 of 9"]
    (never,) = (await home.ocr(path, text_layer="never")).pages
    assert never.source == "image"
    assert never.lines[0].text.startswith("Exhibit 4")


async def test_text_is_found_at_its_place_in_the_pdf_that_is_written(
    home: AsyncHome, tmp_path: Path
) -> None:
    scan = PAGES["serif"]().image
    path = pdf_files.scanned_pdf(tmp_path / "scan.pdf", [scan, scan])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        pdf.pages[1].Rotate = 180
        pdf.save()
    found = await home.ocr(path)
    written = await home.searchable_pdf(path, tmp_path / "found.pdf", found.pages)
    assert written.pages == 2
    assert written.size == (tmp_path / "found.pdf").stat().st_size
    words = boxes_found(tmp_path / "found.pdf")
    first = word_count(found.pages[0])
    assert "".join(word for word, _ in words[:first]) == "".join("".join(LINES).split())
    for page, there in zip(found.pages, (words[:first], words[first:]), strict=True):
        told = [
            (word.text, tuple(edge * 595 / page.width for edge in bounds(word.polygon)))
            for line in page.lines
            for word in line.words
        ]
        assert len(told) == len(there)
        # pdftotext tells the words of a page on its head from its foot on.
        by_place = [sorted(each, key=lambda word: (word[0], word[1][0])) for each in (told, there)]
        for (text, wanted), (word, box) in zip(*by_place, strict=True):
            assert text == word
            assert box == pytest.approx(wanted, abs=3), text
    again = await home.ocr(tmp_path / "found.pdf")
    assert [page.source for page in again.pages] == ["text", "text"]


async def test_images_become_a_pdf_in_which_text_is_found(home: AsyncHome, tmp_path: Path) -> None:
    path = tmp_path / "two.tiff"
    straight, turned = PAGES["sans"]().image, PAGES["90 degrees"]().image
    straight.save(path, save_all=True, append_images=[turned], dpi=(100, 100))
    found = await home.ocr(path)
    await home.searchable_pdf(path, tmp_path / "two.pdf", found.pages)
    with pikepdf.open(tmp_path / "two.pdf") as pdf:
        sizes = [[float(edge) for edge in page.mediabox] for page in pdf.pages]
    assert sizes == [
        [0, 0, pytest.approx(width * 0.72), pytest.approx(height * 0.72)]
        for width, height in (straight.size, turned.size)
    ]
    texts = [word for word, _ in boxes_found(tmp_path / "two.pdf")]
    assert texts[:4] == ["The", "quick", "brown", "fox"]
    first = word_count(found.pages[0])
    # Where it stands on its side, pdftotext tells another order of the same words.
    assert sorted("".join(texts[:first])) == sorted("".join(texts[first:]))


async def test_a_password_is_asked_for(home: AsyncHome, tmp_path: Path) -> None:
    plain = pdf_files.text_pdf(tmp_path / "plain.pdf", [TEXT])
    path = pdf_files.encrypted(tmp_path / "locked.pdf", plain, "sesame")
    with pytest.raises(InvalidRequest, match=r"locked\.pdf: it is encrypted") as refused:
        await home.ocr(path)
    assert "--password" in refused.value.hint
    with pytest.raises(InvalidRequest, match="the password is wrong"):
        await home.ocr(path, password="please")
    found = await home.ocr(path, password="sesame")
    assert found.text.splitlines() == list(TEXT)
    await home.searchable_pdf(path, tmp_path / "open.pdf", found.pages, password="sesame")
    assert [word for word, _ in boxes_found(tmp_path / "open.pdf")] == " ".join(TEXT).split()


async def test_ten_thousand_pages_come_one_by_one(home: AsyncHome, tmp_path: Path) -> None:
    path = pdf_files.many_pages(tmp_path / "long.pdf", 10_000, TEXT[0])
    blob = await home.put_blob(path)
    request = Ocr(model="rapidocr", document=blob)
    seen = 0
    async with home.node.perform(request) as events:
        async for event in events:
            if isinstance(event, OcrPage):
                seen += 1
                assert event.number == seen
                if seen == 300:
                    break
    last = await home.ocr(blob, pages="9999-")
    assert [page.number for page in last.pages] == [9_999, 10_000]
    assert last.pages[1].lines[0].text == TEXT[0]
    with pytest.raises(InvalidRequest, match="the document has 10000 pages, and none of 10001"):
        await home.ocr(blob, pages="10001-")


@pytest.mark.parametrize("damage", ["cut", "garbage", "circular", "no pages"])
async def test_a_damaged_pdf_is_refused_by_name(
    home: AsyncHome, tmp_path: Path, damage: str
) -> None:
    path = pdf_files.text_pdf(tmp_path / "bad.pdf", [TEXT])
    match damage:
        case "cut":
            path.write_bytes(path.read_bytes()[:60])
        case "garbage":
            path.write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * 20)
        case "circular":
            pdf_files.circular(path)
        case "no pages":
            with pikepdf.new() as pdf:
                pdf.save(path)
    with pytest.raises(InvalidRequest, match=r"bad\.pdf|page 1"):
        await home.ocr(path)
    assert (await home.ocr(pdf_files.text_pdf(tmp_path / "good.pdf", [TEXT]))).pages


async def test_a_page_that_cannot_be_read_does_not_take_the_others_along(
    home: AsyncHome, tmp_path: Path
) -> None:
    path = pdf_files.text_pdf(tmp_path / "book.pdf", [TEXT, TEXT, TEXT])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        pdf.pages[1].obj.MediaBox = pikepdf.Array([0, 0, 100_000_000, 10])
        pdf.save()
    events = [event async for event in home.ocr_events(path)]
    pages = [event for event in events if isinstance(event, OcrPage)]
    assert [bool(page.lines) for page in pages] == [True, False, True]
    (note,) = [event for event in events if isinstance(event, Note)]
    assert note.message.startswith("page 2 cannot be read: book.pdf")


async def test_a_document_of_which_no_page_can_be_read_is_refused(
    home: AsyncHome, tmp_path: Path
) -> None:
    path = pdf_files.text_pdf(tmp_path / "book.pdf", [TEXT, TEXT, TEXT])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        for page in pdf.pages:
            page.obj.MediaBox = pikepdf.Array([0, 0, 100_000_000, 10])
        pdf.save()
    with pytest.raises(InvalidRequest, match=r"3 pages in a row cannot be read.*book\.pdf"):
        await home.ocr(path)
