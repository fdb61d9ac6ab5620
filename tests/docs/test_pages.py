"""The pages say what is there: names, commands, settings, errors, routes, links."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

import ingle
from ingle.cli.main import commands
from ingle.engines.engine import LoadSpec
from ingle.errors import by_code
from ingle.operations import registry
from ingle.operations.capability import op_tags
from ingle.server.application import create_application
from ingle.server.settings import ServerSettings
from ingle.testing import check_engine

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text()


def test_the_generated_pages_are_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS))
    pages = runpy.run_path(str(DOCS / "generate.py"))["pages"]()
    assert len(pages) == 6
    stale = [path.name for path, text in pages.items() if path.read_text() != text]
    assert not stale, "run: python docs/generate.py"


def test_every_public_name_is_documented() -> None:
    text = page("reference/python.md")
    assert [name for name in ingle.__all__ if not re.search(rf"ingle\.{name}\b", text)] == []


def test_every_command_is_documented() -> None:
    text = page("reference/cli.md")
    assert [name for name in commands() if f"\n## ingle {name}\n" not in text] == []


def test_every_command_of_the_guide_exists() -> None:
    texts = [path.read_text() for path in (ROOT / "README.md", *(DOCS / "guide").rglob("*.md"))]
    used = {
        name
        for text in texts
        for name in re.findall(r"(?:`|\$ )ingle ([a-z]+(?:-[a-z]+)*)\b", text)
    }
    assert len(used) > 15
    of_the_tutorial = {"loudness"}
    assert used - {*commands(), *of_the_tutorial, "ls"} == set()


def test_every_operation_is_documented() -> None:
    text = page("reference/capabilities.md")
    names = [name for c in registry.built_in().values() for name in op_tags(c)]
    assert len(names) > 50
    assert [name for name in names if f"\n### `{name}`\n" not in text] == []


def test_the_errors_of_the_guide_exist() -> None:
    codes = re.findall(r"^\| `([a-z_]+)` \|", page("guide/troubleshooting.md"), re.MULTILINE)
    assert len(codes) > 15
    assert set(codes) <= set(by_code())


def test_every_claim_of_the_threat_model_has_its_test() -> None:
    claimed = set(re.findall(r"`(test_\w+)`", page("explanation/trust.md")))
    sources = "".join(path.read_text() for path in (ROOT / "tests/peers").rglob("test_*.py"))
    assert len(claimed) > 15
    assert {name for name in claimed if f"def {name}(" not in sources} == set()


def test_every_route_is_documented() -> None:
    text = page("reference/http.md")
    application = create_application(node=None, settings=ServerSettings())  # type: ignore[arg-type]
    paths = {re.sub(r"\{[^}]*\}", "{}", route.path) for route in application.routes}  # type: ignore[attr-defined]
    known = re.sub(r"\{[^}]*\}", "{}", text)
    assert len(paths) > 20
    assert [path for path in sorted(paths) if path not in known] == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "AGENTS.md", "CHANGELOG.md"])
def test_links_between_files_lead_somewhere(name: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / name).read_text())
    assert targets
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (ROOT / target).exists()] == []


def test_the_engine_of_the_reference_keeps_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = page("reference/engines.md")
    example = re.search(r"^```python\n(# shout\.py\n.*?)^```", text, re.MULTILINE | re.DOTALL)
    entry = re.search(r"^shout = \"(.*)\"$", text, re.MULTILINE)
    assert example
    assert entry
    (tmp_path / "shout.py").write_text(example[1])
    installed = tmp_path / "shout-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: shout\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(f"[ingle.engines]\nshout = {entry[1]}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    held = check_engine("shout", LoadSpec(engine="shout", model="any", slots=2))
    assert {"generates", "is concurrent", "cancels"} <= set(held)


def test_lines_of_docs_and_settings_are_at_most_100_letters() -> None:
    files = [
        *ROOT.glob("*.md"), *ROOT.glob("*.toml"), ROOT / "Makefile", ROOT / ".ci/run",
        *DOCS.rglob("*.md"), *(ROOT / "recipes").rglob("*.md"), *(ROOT / "src").rglob("*.md"),
    ]  # fmt: skip
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > 100 and not line.lstrip().startswith("|")  # a row of a table
    ]
    assert not found
