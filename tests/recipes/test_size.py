"""The recipes stay short enough to read, and their tables are the recorded ones."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from recipes.ember import tables  # noqa: E402

RECIPES = ROOT / "recipes"
LINES = 11_100  # of Python; lower it when they have become shorter
WIDTH = 120  # ruff holds Python to less


def test_the_recipes_do_not_grow() -> None:
    lines = [len(p.read_text(encoding="utf-8").splitlines()) for p in RECIPES.rglob("*.py")]
    assert sum(lines) <= LINES


@pytest.mark.parametrize("kind", ["py", "md"])  # in a table a sentence is one line
def test_lines_fit_on_a_screen(kind: str) -> None:
    long = [
        f"{path.name}:{number}"
        for path in RECIPES.rglob(f"*.{kind}")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > WIDTH
    ]
    assert not long


def test_every_table_is_the_recorded_one() -> None:
    files = {str(p.relative_to(tables.DATA)) for p in tables.DATA.rglob("*") if p.is_file()}
    recorded = tables.recorded(tables.DATA)
    assert files - {tables.SUMS} == set(recorded)
    for name in recorded:
        tables.checked(name)


def test_a_changed_table_is_refused_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(tables.DATA, folder)
    table = folder / "words.json"
    table.write_text(table.read_text(encoding="utf-8").replace("lamp", "lump"), encoding="utf-8")
    assert tables.checked("names.json", folder)
    with pytest.raises(
        ValueError, match=r"words\.json is not the file whose hash is in SHA256SUMS"
    ):
        tables.checked("words.json", folder)
