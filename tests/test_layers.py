"""No circle of files: what `make layers` holds beside import-linter's contracts.

Every import statement counts, also one inside a function or under ``TYPE_CHECKING``: two files
that cannot be understood one without the other are a circle whenever it is that Python notices.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
PLACES = {"ingle": ROOT / "src", "recipes": ROOT}


def graph_of(*packages: str) -> grimp.ImportGraph:
    return grimp.build_graph(*packages, exclude_type_checking_imports=False, cache_dir=None)


def circles(graph: grimp.ImportGraph) -> list[tuple[str, ...]]:
    """Each import that leads back to its file, with the shortest way back; each circle once."""
    found = set()
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            back = graph.find_shortest_chain(imported, importer)
            if back is not None:
                first = back.index(min(back))
                turned = [*back[first:], *back[:first]]
                found.add((*turned, turned[0]))
    return sorted(found)


def told(circle: tuple[str, ...]) -> str:
    return " -> ".join(circle)


def where(graph: grimp.ImportGraph, circle: tuple[str, ...], places: dict[str, Path]) -> list[str]:
    """Each import of a circle, as file:line and what stands there."""
    return [
        f"  {file_of(importer, places)}:{found['line_number']}: {found['line_contents']}"
        for importer, imported in pairwise(circle)
        for found in graph.get_import_details(importer=importer, imported=imported)
    ]


def file_of(module: str, places: dict[str, Path]) -> Path:
    root = places[module.partition(".")[0]]
    path = root.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file.relative_to(ROOT) if file.is_relative_to(ROOT) else file


@pytest.fixture(autouse=True)
def _recipes_can_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def test_no_file_imports_itself_by_way_of_others() -> None:
    graph = graph_of(*PLACES)
    found = {told(circle): circle for circle in circles(graph)}
    told_of = ["\n".join([text, *where(graph, circle, PLACES)]) for text, circle in found.items()]
    assert not told_of, "files import each other in a circle:\n" + "\n".join(told_of)


def test_every_import_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "__init__": "",
        "top": "from rounds import middle",
        "middle": "def late():\n    from rounds.bottom import x",
        "bottom": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from rounds import top",
        "apart": "import rounds.top",
    }
    for name, text in files.items():
        (tmp_path / "rounds").mkdir(exist_ok=True)
        (tmp_path / "rounds" / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    graph = graph_of("rounds")
    (circle,) = circles(graph)
    assert told(circle) == "rounds.bottom -> rounds.top -> rounds.middle -> rounds.bottom"
    assert where(graph, circle, {"rounds": tmp_path}) == [
        f"  {tmp_path}/rounds/bottom.py:3: from rounds import top",
        f"  {tmp_path}/rounds/top.py:1: from rounds import middle",
        f"  {tmp_path}/rounds/middle.py:2: from rounds.bottom import x",
    ]
