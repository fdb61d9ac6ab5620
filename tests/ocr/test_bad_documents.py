"""What strangers send: only a typed error comes of it, and the next page is read."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image
from recipes.pages.pictures import LINES, PAGES

from ingle import AsyncHome, open_async
from ingle.capabilities.node.operation import NodeStatus, StatusReport, WorkerInfo
from ingle.capabilities.ocr.operation import Ocr, OcrPage
from ingle.config import Settings
from ingle.errors import CapabilityMissing, InvalidRequest, MemoryExceeded
from ingle.node.node import Node, ask
from ingle.operations.events import Note
from tests.waiting import eventually_async

from ..pictures import picture_files
from . import pdf_files

pytestmark = [pytest.mark.extras, pytest.mark.anyio]


@pytest.fixture
async def home(settings: Settings) -> AsyncIterator[AsyncHome]:
    async with open_async(settings) as opened:
        yield opened


def line(mode: str = "RGB") -> Image.Image:
    """The first line of the clean page."""
    return PAGES["serif"]().image.crop((0, 0, 1000, 80)).convert(mode)


async def test_files_that_are_no_documents_are_refused_by_name(
    home: AsyncHome, tmp_path: Path
) -> None:
    photo = picture_files.encoded(line(), "PNG")
    refusals = {
        "empty.png": (b"", "it is empty"),
        "notes.png": (b"Not a picture, whatever its name says.\n" * 9, "is a text file"),
        "noise.pdf": (bytes(range(256)) * 8, "unsupported image format"),
        "zero.png": (picture_files.empty_png(), "0x0"),
        "bomb.png": (picture_files.bomb(), "30000x30000 pixels"),
        "large.png": (picture_files.png(12_500, 8_000, b""), "12500x8000 pixels"),
        "cut.png": (photo[: len(photo) // 2], "damaged or was cut off"),
    }
    for name, (data, why) in refusals.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(InvalidRequest, match=why) as refused:
            await home.ocr(path)
        assert name in refused.value.message
    assert len(await workers(home.node)) == 1, "the same worker refused them all"
    assert (await home.ocr(saved(line(), tmp_path / "good.png"))).text == LINES[0] + "\n"


async def workers(node: Node) -> list[WorkerInfo]:
    return (await ask(node, NodeStatus(), StatusReport)).workers


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


async def test_pictures_of_any_kind_are_read(home: AsyncHome, tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held on its side
    sideways = line().rotate(90, expand=True)
    deep = Image.fromarray(np.asarray(line("L")).astype(np.uint16) * 257)
    kinds = {
        "cmyk.jpg": (line("CMYK"), {}),
        "deep.png": (deep, {}),
        "two.png": (line("1"), {}),
        "photo.jpg": (sideways, {"exif": turned}),
        "photo.webp": (line(), {"quality": 80}),
    }
    for name, (image, options) in kinds.items():
        found = await home.ocr(saved(image, tmp_path / name, **options))
        assert found.text == LINES[0] + "\n", name
        assert found.pages[0].width == 1000, name


async def test_heic_is_read(home: AsyncHome, tmp_path: Path) -> None:
    from pillow_heif import from_pillow

    data = io.BytesIO()
    from_pillow(line()).save(data, quality=90)
    (tmp_path / "photo.heic").write_bytes(data.getvalue())
    found = await home.ocr(tmp_path / "photo.heic")
    assert (found.text, found.document.kind) == (LINES[0] + "\n", "heif")


async def test_of_an_animation_the_first_frame_is_read(home: AsyncHome, tmp_path: Path) -> None:
    blank = Image.new("RGB", (1000, 80), "white")
    path = saved(line(), tmp_path / "moving.gif", save_all=True, append_images=[blank])
    events = [event async for event in home.ocr_events(path)]
    (note,) = [event for event in events if isinstance(event, Note)]
    assert note.message == "of the 2 frames of the animation the first one is read"
    (page,) = [event for event in events if isinstance(event, OcrPage)]
    assert page.lines[0].text == LINES[0]


async def test_pictures_of_a_few_pixels_are_no_trouble(home: AsyncHome, tmp_path: Path) -> None:
    for width, height in ((1, 1), (3, 500), (2000, 2)):
        path = saved(Image.new("RGB", (width, height), "black"), tmp_path / "small.png")
        (page,) = (await home.ocr(path)).pages
        assert (page.width, page.height, page.lines) == (width, height, [])


async def test_who_leaves_frees_the_worker(home: AsyncHome, tmp_path: Path) -> None:
    scan = PAGES["sans"]().image
    blob = await home.put_blob(pdf_files.scanned_pdf(tmp_path / "long.pdf", [scan] * 40))
    async with home.node.perform(Ocr(model="rapidocr", document=blob)) as events:
        async for event in events:
            if isinstance(event, OcrPage):
                break

    async def idle() -> bool:
        return [worker.active for worker in await workers(home.node)] == [0]

    await eventually_async(idle)


async def test_a_page_without_an_end_costs_a_worker_at_most(
    settings: Settings, tmp_path: Path
) -> None:
    """What it would draw, PDFium gathers before it can be interrupted."""
    path = pdf_files.endless(tmp_path / "endless.pdf")
    settings = msgspec.structs.replace(settings, worker_memory="900MiB")
    async with open_async(settings) as home:
        with pytest.raises((MemoryExceeded, InvalidRequest)):
            await home.ocr(path)
        good = saved(line(), tmp_path / "good.png")
        assert (await home.ocr(good)).text == LINES[0] + "\n"


async def test_another_model_says_that_it_cannot(home: AsyncHome, tmp_path: Path) -> None:
    with pytest.raises(CapabilityMissing, match="ember cannot ocr"):
        await home.ocr(saved(line(), tmp_path / "page.png"), "ember")


@pytest.mark.parametrize("pages", ["0-x", "a", "1,,2", "-3", "1-2-3"])
async def test_pages_that_are_no_list_are_refused(
    home: AsyncHome, tmp_path: Path, pages: str
) -> None:
    with pytest.raises(InvalidRequest, match="is not a list of pages"):
        await home.ocr(saved(line(), tmp_path / "page.png"), pages=pages)
