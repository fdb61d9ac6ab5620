"""Models that read pages: what a node sees of their files, and what it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import rapidocr

from ingle import open_async
from ingle.config import Settings
from ingle.engines.rapidocr.networks import packaged_files
from ingle.errors import BadModelFile, ModelLoadFailed
from ingle.models import formats
from ingle.models.formats.packaged_ocr_format import RAPIDOCR_FORMAT, read_packaged

pytestmark = pytest.mark.extras

PACKAGE = Path(rapidocr.__file__).parent / "models"
EMBEDDED = Path(formats.__file__).parents[1] / "embedded" / "rapidocr.rapidocr.json"
DETECTOR, READER = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The networks of the package as a model of one's own."""
    shutil.copytree(PACKAGE, tmp_path / "mine")
    return tmp_path / "mine"


def test_the_networks_of_the_package_are_those_that_are_named() -> None:
    named = read_packaged(EMBEDDED).sha256
    found = packaged_files(named, PACKAGE)
    assert sorted(found) == ["classifier", "detector", "weights"]
    assert sorted(path.name for path in found.values()) == sorted(named)


def test_a_network_of_the_package_that_is_missing_or_damaged_is_named(folder: Path) -> None:
    named = read_packaged(EMBEDDED).sha256
    with (folder / READER).open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(ModelLoadFailed, match=rf"{READER} is damaged") as damaged:
        packaged_files(named, folder)
    assert damaged.value.hint.startswith("pip install --force-reinstall")
    (folder / READER).unlink()
    with pytest.raises(ModelLoadFailed, match=rf"{READER} is missing"):
        packaged_files(named, folder)


def test_a_folder_of_networks_is_a_model(folder: Path) -> None:
    found = formats.find(folder)
    facts = formats.read(found.format, found.files)
    assert (facts.format, facts.abilities) == ("paddleocr-onnx", ["ocr"])
    assert facts.vocabulary == 18_708
    assert {role for role, _ in found.files} == {"weights", "detector", "classifier"}


@pytest.mark.anyio
async def test_it_reads_as_the_one_of_the_package(
    folder: Path, settings: Settings, tmp_path: Path
) -> None:
    from recipes.pages.pictures import LINES, PAGES

    page = tmp_path / "page.png"
    PAGES["serif"]().image.crop((0, 0, 1000, 80)).save(page)
    async with open_async(settings) as home:
        await home.pull("mine", source=str(folder))
        assert (await home.ocr(page, "mine")).text == LINES[0] + "\n"


@pytest.mark.parametrize(
    ("name", "damage", "why"),
    [
        (READER, "cut", READER),
        (READER, "garbage", READER),
        (READER, "detector", "does not say which characters"),
        (DETECTOR, "cut", DETECTOR),
        (DETECTOR, "text", DETECTOR),
    ],
)
def test_what_is_no_such_network_is_refused_by_name(
    folder: Path, name: str, damage: str, why: str
) -> None:
    path = folder / name
    match damage:
        case "cut":
            with path.open("r+b") as file:
                file.truncate(path.stat().st_size * 6 // 10)
        case "garbage":
            path.write_bytes(bytes(range(256)) * 100)
        case "text":
            path.write_text("not a network")
        case "detector":
            shutil.copy(PACKAGE / DETECTOR, path)
    found = formats.find(folder)
    with pytest.raises(BadModelFile, match=why):
        formats.read(found.format, found.files)


def test_a_folder_without_what_finds_lines_is_no_model(folder: Path) -> None:
    (folder / DETECTOR).unlink()
    with pytest.raises(BadModelFile, match="no format recognises it"):
        formats.find(folder)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1", b'{"licence": 3}', b" " * 70_000])
def test_a_bad_file_of_a_packaged_reader_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.rapidocr.json"
    path.write_bytes(content)
    with pytest.raises(BadModelFile, match=r"mine\.rapidocr\.json"):
        RAPIDOCR_FORMAT.read([("weights", path)])
