"""The recipe of the speaker model that tests tell voices apart with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ingle.models.formats import find, read

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.extras, pytest.mark.timeout(240)]


def test_it_makes_a_speaker_model(tmp_path: Path) -> None:
    path = tmp_path / "speakers.onnx"
    command = [sys.executable, "-m", "recipes.voices", str(path), "--steps", "3"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "cosine of the same voice" in ended.stdout
    found = find(path)
    kept = ROOT / "tests" / "engines" / "speakers" / "speakers.onnx"
    assert (
        read(found.format, found.files).parameters
        == read(found.format, [("weights", kept)]).parameters
    )
