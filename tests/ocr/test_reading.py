"""Pages read by the engine in a real worker: their text, its order, and where it stands."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image
from recipes.pages.character_error import character_error
from recipes.pages.pictures import LINES, PAGES, TABLE, PagePicture, table_picture

from ingle import AsyncHome, open_async
from ingle.capabilities.ocr.operation import Ocr, OcrDocument, OcrPage, OcrProgress
from ingle.config import Settings
from ingle.pages.geometry import bounds
from ingle.pages.plain_text import plain_text, table_rows

pytestmark = [pytest.mark.extras, pytest.mark.anyio]


@pytest.fixture
async def home(settings: Settings) -> AsyncIterator[AsyncHome]:
    async with open_async(settings) as opened:
        yield opened


def saved(image: Image.Image, path: Path) -> Path:
    image.save(path)
    return path


async def test_pages_are_read_in_their_order_whichever_way_they_lie(
    home: AsyncHome, tmp_path: Path
) -> None:
    """Also the clean page of which the bare engine turns a line upside down."""
    for name in ("sans", "3 degrees", "90 degrees", "180 degrees", "two columns", "a table"):
        page: PagePicture = PAGES[name]()
        found = await home.ocr(saved(page.image, tmp_path / "page.png"))
        (read,) = found.pages
        assert character_error("".join(page.lines), found.text) <= page.most_errors, name
        assert (read.angle - page.angle + 180) % 360 == pytest.approx(180, abs=0.5), name
        assert (read.width, read.height) == page.image.size
        assert len(read.lines) == sum(len(line.split("\t")) for line in page.lines) - (
            2 * 2 if name == "a table" else 0
        )


async def test_a_270_degree_page_with_a_stamp_on_its_head(home: AsyncHome, tmp_path: Path) -> None:
    page = PAGES["sans"]().image
    stamp = Image.new("RGB", page.size, "white")
    stamp.paste(page.crop((0, 20, 1000, 70)), (0, 370))
    page.paste(stamp.crop((0, 360, 1000, 440)).rotate(180), (0, 360))
    found = await home.ocr(saved(page.rotate(90, expand=True), tmp_path / "page.png"))
    (read,) = found.pages
    assert read.angle == pytest.approx(270, abs=0.5)
    texts = plain_text(read).splitlines()
    assert texts[0] == "The quick brown fox jumps over the lazy dog."
    assert texts[-1] == "The quick brown fox jumps over the lazy dog."


async def test_words_stand_where_they_were_drawn(home: AsyncHome, tmp_path: Path) -> None:
    found = await home.ocr(saved(PAGES["serif"]().image, tmp_path / "page.png"))
    line = found.pages[0].lines[0]
    assert [word.text for word in line.words] == [
        "The",
        "quick",
        "brown",
        "fox",
        "jumps",
        "over",
        "the",
        "lazy",
        "dog.",
    ]
    edges = [bounds(word.polygon) for word in line.words]
    assert 35 <= edges[0].left <= 50
    assert 580 <= edges[-1].right <= 600
    assert all(before.right <= after.left for before, after in itertools.pairwise(edges))
    assert all(box.top >= 25 and box.bottom <= 70 for box in edges)
    assert all(0.8 < word.confidence <= 1 for word in line.words)


@pytest.mark.parametrize("ruled", [False, True])
async def test_a_table_is_told_as_one(home: AsyncHome, tmp_path: Path, ruled: bool) -> None:
    found = await home.ocr(saved(table_picture(ruled=ruled), tmp_path / "page.png"))
    (block,) = found.pages[0].blocks
    assert block.kind == "table"
    assert table_rows(block) == [list(row) for row in TABLE]
    assert found.markdown.splitlines()[:3] == [
        "| Item | Quantity | Price | Total |",
        "| --- | --- | --- | --- |",
        "| Coffee, ground | 12 | 4.50 | 54.00 |",
    ]


async def test_the_events_of_a_document(home: AsyncHome, tmp_path: Path) -> None:
    path = tmp_path / "two.tiff"
    first, second = PAGES["sans"]().image, PAGES["180 degrees"]().image
    first.save(path, save_all=True, append_images=[second], dpi=(150, 150))
    blob = await home.put_blob(path)
    request = Ocr(model="rapidocr", document=blob)
    events = [event async for event in home.events(request)]
    pages = [event for event in events if isinstance(event, OcrPage)]
    assert [(page.number, page.dpi) for page in pages] == [(1, 150), (2, 150)]
    progress = [event.pages + event.fraction for event in events if isinstance(event, OcrProgress)]
    assert progress == sorted(progress)
    assert (progress[0], progress[-1]) == (0, 2)
    end = events[-1]
    assert isinstance(end, OcrDocument)
    assert (end.pages, end.read, end.kind) == (2, 2, "tiff")
    only = await home.ocr(blob, pages="2-")
    assert [page.number for page in only.pages] == [2]
    rest = await home.ocr(blob, skip=1)
    assert (rest.document.pages, rest.document.read) == (2, 1)


async def test_a_page_without_text_is_no_error(home: AsyncHome, tmp_path: Path) -> None:
    found = await home.ocr(saved(Image.new("RGB", (300, 200), "white"), tmp_path / "empty.png"))
    assert (found.text, found.markdown) == ("", "")
    assert (found.pages[0].blocks, found.pages[0].confidence) == ([], 0)


async def test_a_long_screenshot_is_read_to_its_end(home: AsyncHome, tmp_path: Path) -> None:
    """Made as small as the detector wants it, nothing of it could be read."""
    page = PAGES["sans"]().image.crop((0, 0, 700, 440))
    long = Image.new("RGB", (page.width, 6 * page.height), "white")
    for at in range(6):
        long.paste(page, (0, at * page.height))
    found = await home.ocr(saved(long, tmp_path / "long.png"))
    assert character_error("".join(LINES) * 6, found.text) <= 0.01
    assert len(found.pages[0].lines) == 6 * len(LINES)
