"""A folder of another format at the command line, and no file that nothing recognises."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..models.test_formats import write_words
from .place import Place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_words(tmp_path / "small", licence="MIT")


def test_a_folder_is_pulled_shown_fitted_and_run(words: Path, folder: Path, tmp_path: Path) -> None:
    place = Place(tmp_path)
    try:
        place.ok("pull", "mine", "--from", str(folder))
        shown = place.ok("show", "mine").out
        assert "format        words" in shown
        assert "layers" not in shown
        assert str(folder / "data" / "vocabulary.txt") in shown
        fitted = place.ok("fit", "mine").out
        assert "fits" in fitted
        assert "KV cache" not in fitted
        notes = tmp_path / "notes.txt"
        notes.write_text("hello")
        refused = place.ingle("pull", "notes", "--from", str(notes), "--json")
        assert refused.status == 1
        assert refused.error["code"] == "bad_model_file"
        assert "gguf, " in refused.error["message"]
    finally:
        place.close()
