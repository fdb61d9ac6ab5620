"""Scanned pages and recordings become searchable like text."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documents.test_office import pdf

from .place import Place

pytestmark = pytest.mark.extras


def drawn(text: str) -> object:
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    path = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    picture = Image.new("RGB", (1000, 300), "white")
    font = ImageFont.truetype(str(path), 36)
    ImageDraw.Draw(picture).text((40, 60), text, fill="black", font=font)
    return picture


def test_a_scanned_page_beside_one_of_text(place: Place, tmp_path: Path) -> None:
    import pikepdf

    drawn("The ferry leaves at seven.").save(tmp_path / "scan.pdf", resolution=150)  # type: ignore[attr-defined]
    with (
        pikepdf.open(pdf(tmp_path / "text.pdf", ["The harbour opens at five."])) as both,
        pikepdf.open(tmp_path / "scan.pdf") as scanned,
    ):
        both.pages.extend(scanned.pages)
        both.save(tmp_path / "both.pdf")
    for name in ("scan.pdf", "text.pdf"):
        (tmp_path / name).unlink()
    drawn("The kettle boils at noon.").save(tmp_path / "photo.png")  # type: ignore[attr-defined]
    (tmp_path / "talk.wav").write_bytes(b"RIFF")
    place.ok("collection", "add", "mixed", str(tmp_path))
    found = place.ok("search", "mixed", "ferry harbour kettle", "-n", "9", "--json").data["results"]
    assert {(Path(each["place"]).name, each.get("page", 0), each["text"]) for each in found} == {
        ("both.pdf", 1, "The harbour opens at five."),
        ("both.pdf", 2, "The ferry leaves at seven."),
        ("photo.png", 1, "The kettle boils at noon."),
    }
    (skipped,) = place.ok("collection", "show", "mixed", "--json").data["skipped"]
    assert skipped["problem"] == "no model whisper:base here (try: ingle pull whisper:base)"
