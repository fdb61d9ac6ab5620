"""``ingle ocr``: a real worker with the networks of its package."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from recipes.pages.pictures import LINES, PAGES, TABLE, table_picture

from tests.waiting import eventually

from .place import COMMAND, Place, ended

pytestmark = pytest.mark.extras


def strip() -> Image.Image:
    """Two lines of the clean page."""
    return PAGES["serif"]().image.crop((0, 0, 1000, 130))


@pytest.fixture(scope="module")
def scan(place: Place) -> Path:
    path = place.home / "scan.png"
    strip().save(path)
    return path


@pytest.fixture(scope="module")
def book(place: Place) -> Path:
    """Eight pages, each with its number."""
    pages = []
    for number in range(8):
        page = Image.new("RGB", (1000, 130 + number), "white")
        page.paste(strip())
        pages.append(page)
    path = place.home / "book.tiff"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    return path


def test_text_goes_to_stdout(place: Place, scan: Path) -> None:
    wanted = "".join(" ".join(line.split()) + "\n" for line in LINES[:2])
    assert place.ok("ocr", str(scan)).out == wanted
    assert place.ok("ocr", "-", stdin=scan.read_bytes()).out == wanted
    told = place.ok("ocr", str(scan), "--json").data
    assert (told["file"], told["model"], told["where"]) == ("scan.png", "rapidocr", "local")
    assert told["pages"][0]["text"] == wanted
    assert told["pages"][0]["blocks"][0]["lines"][0]["words"][1]["text"] == "quick"
    several = place.ok("ocr", str(scan), str(scan), "--json").out.splitlines()
    assert [json.loads(line)["file"] for line in several] == ["scan.png"] * 2


def test_each_format(place: Place, scan: Path) -> None:
    table = place.home / "table.png"
    table_picture(ruled=True).save(table)
    written = place.ok("ocr", str(table), "-f", "markdown").out.splitlines()
    assert written[0] == "| " + " | ".join(TABLE[0]) + " |"
    for form in ("hocr", "alto"):
        root = ElementTree.fromstring(place.ok("ocr", str(scan), "-f", form).out)
        assert "quick" in ElementTree.tostring(root, encoding="unicode")
    target = place.home / "scan.pdf"
    place.ok("ocr", str(scan), "-f", "pdf", "-o", str(target))
    found = subprocess.run(["pdftotext", target, "-"], capture_output=True, text=True, check=True)
    assert LINES[0] in found.stdout
    piped = subprocess.run(
        [*COMMAND, "ocr", str(scan), "-f", "pdf"],
        env=place.environment,
        capture_output=True,
        check=True,
    ).stdout
    assert piped.startswith(b"%PDF-")


def test_a_folder_becomes_files(place: Place, scan: Path) -> None:
    folder, made = place.home / "scans", place.home / "made"
    (folder / "deep").mkdir(parents=True)
    (folder / "one.png").write_bytes(scan.read_bytes())
    (folder / "deep" / "two.png").write_bytes(scan.read_bytes())
    (folder / "notes.txt").write_text("not a document")
    place.ok("ocr", str(folder), "-f", "markdown", "-o", str(made))
    assert sorted(path.name for path in made.iterdir()) == ["one.png.md", "two.png.md"]
    (made / "one.png.md").write_text("mine")
    (made / "two.png.md").unlink()
    place.ok("ocr", str(folder), "-f", "markdown", "-o", str(made), "--resume")
    assert (made / "one.png.md").read_text() == "mine"
    assert (made / "two.png.md").read_text().startswith(LINES[0])


def test_a_killed_command_reads_on_where_it_was(place: Place, book: Path) -> None:
    target = place.home / "book.json"
    journal = place.home / "book.json.pages"
    asked = ("ocr", str(book), "-f", "json", "-o", str(target))
    command = place.start(*asked)

    def read() -> int:
        return journal.read_bytes().count(b"\n") - 1 if journal.exists() else 0

    eventually(lambda: read() >= 2)
    assert ended(command, signal.SIGKILL).status == -signal.SIGKILL
    known = read()
    assert not target.exists()
    assert 2 <= known < 8
    again = place.ok(*asked)
    assert f"book.tiff: {known} pages read before" in again.err
    pages = json.loads(target.read_text())["pages"]
    assert [page["number"] for page in pages] == list(range(1, 9))
    assert [page["height"] for page in pages] == list(range(130, 138))
    assert not journal.exists()


def test_a_killed_node_costs_no_page(place: Place, book: Path) -> None:
    target = place.home / "again.json"
    journal = place.home / "again.json.pages"
    command = place.start("ocr", str(book), "-f", "json", "-o", str(target))
    eventually(lambda: journal.exists() and journal.read_bytes().count(b"\n") >= 3)
    os.kill(place.ok("ps", "--json").data["pid"], signal.SIGKILL)
    left = ended(command)
    if left.status:  # it says so, and the same command reads on
        place.ok("ocr", str(book), "-f", "json", "-o", str(target))
    pages = json.loads(target.read_text())["pages"]
    assert [page["number"] for page in pages] == list(range(1, 9))


def test_pages_of_another_document_are_not_taken(place: Place, scan: Path) -> None:
    target = place.home / "other.txt"
    (place.home / "other.txt.pages").write_text('{"document": "x", "request": {}}\nnot a page\n')
    place.ok("ocr", str(scan), "-o", str(target))
    assert target.read_text().startswith(LINES[0])


def test_what_cannot_be_read_is_refused_and_says_why(place: Place, tmp_path: Path) -> None:
    text = tmp_path / "notes.png"
    text.write_text("Not a picture, whatever its name says.\n" * 100)
    refused = place.ingle("ocr", str(text), "--json")
    assert (refused.status, refused.out) == (2, "")
    assert "notes.png is a text file" in refused.error["message"]
    missing = place.ingle("ocr", str(tmp_path / "none.png"), "--json")
    assert (missing.status, missing.error["code"]) == (3, "not_found")
    (tmp_path / "empty").mkdir()
    empty = place.ingle("ocr", str(tmp_path / "empty"), "--json")
    assert empty.error["message"].endswith("empty has no images or PDFs")
    assert place.ingle("ocr", "--json").error["hint"] == "ingle ocr scan.png"
    wrong = place.ingle("ocr", str(text), "-m", "ember", "--json")
    assert wrong.error["code"] == "capability_missing"
    blank = tmp_path / "blank.png"
    Image.new("RGB", (200, 100), "white").save(blank)
    nothing = place.ok("ocr", str(blank))
    assert (nothing.out, nothing.err.strip()) == ("", "note: blank.png: no text was found")


def test_who_interrupts_frees_the_slot(place: Place, book: Path) -> None:
    command = place.start("ocr", str(book))
    assert command.stdout is not None
    assert command.stdout.readline()  # the first page
    assert ended(command, signal.SIGTERM).status == 130
    eventually(lambda: place.busy_slots() == 0)
