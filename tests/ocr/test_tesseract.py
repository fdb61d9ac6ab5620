"""Tesseract, where the system has it: the same pages, through the program in a worker."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from recipes.pages.character_error import character_error
from recipes.pages.pictures import PAGES

from ingle import AsyncHome, open_async
from ingle.config import Settings
from ingle.engines.tesseract.hocr_lines import hocr_lines
from ingle.engines.tesseract.language_codes import three_letters
from ingle.engines.tesseract.program import TesseractProgram
from ingle.errors import EngineFault, EngineMissing, InvalidRequest

pytestmark = [pytest.mark.extras, pytest.mark.anyio]


@pytest.fixture
async def home(settings: Settings) -> AsyncIterator[AsyncHome]:
    async with open_async(settings) as opened:
        yield opened


async def test_pages_are_read_in_their_order(home: AsyncHome, tmp_path: Path) -> None:
    for name in ("serif", "90 degrees", "two columns", "a table"):
        page = PAGES[name]()
        page.image.save(tmp_path / "page.png")
        found = await home.ocr(tmp_path / "page.png", "tesseract")
        assert character_error("".join(page.lines), found.text) <= 0.02, name
        off = (found.pages[0].angle - page.angle + 180) % 360
        assert off == pytest.approx(180, abs=0.5), name
        assert found.document.model == "tesseract"
    assert found.pages[0].blocks[0].kind == "table"


async def test_a_language_that_is_missing_is_named(home: AsyncHome, tmp_path: Path) -> None:
    PAGES["serif"]().image.save(tmp_path / "page.png")
    with pytest.raises(InvalidRequest, match="tesseract has no data for tlh") as refused:
        await home.ocr(tmp_path / "page.png", "tesseract", languages=["eng", "tlh"])
    assert refused.value.hint == "apt-get install tesseract-ocr-tlh"
    found = await home.ocr(tmp_path / "page.png", "tesseract", languages=["en"])
    assert found.text.startswith("The quick brown fox")


def test_a_missing_program_says_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineMissing, match="tesseract is not on the path") as missing:
        TesseractProgram(1)
    assert "install tesseract" in missing.value.hint


def test_a_program_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "tesseract"
    fake.write_text(
        "#!/bin/sh\ncase $1 in\n--version) echo tesseract 5.9;;\n"
        "--list-langs) echo all; echo eng;;\n"
        "*) cat >/dev/null; echo out of ink >&2; exit 3;;\nesac\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    program = TesseractProgram(1)
    assert (program.version, program.languages, program.turns) == ("5.9", ["eng"], False)
    with pytest.raises(EngineFault, match="status 3: out of ink"):
        program.hocr(b"P6\n1 1\n255\nabc", ["eng"], lambda _: None)


def test_output_that_is_not_hocr_is_a_fault() -> None:
    with pytest.raises(EngineFault, match="cannot be read"):
        hocr_lines(b"<html><body>")
    assert hocr_lines(b"<html><body/></html>") == []


def test_languages_are_called_as_tesseract_calls_them() -> None:
    assert three_letters("de", ["eng"]) == "deu"
    assert three_letters("pt-BR", []) == "por"
    assert three_letters("chi_tra", ["chi_tra"]) == "chi_tra"
    assert three_letters("tlh", []) == "tlh"
