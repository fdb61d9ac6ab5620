"""Names: one thing, one name; and every word of the glossary has a bearer."""

from __future__ import annotations

import ast
import importlib
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "ingle"

# Parts that the seams name alike wherever they occur: a capability's, an engine's, a dialect's,
# an executor's; those of a room for one kind of content.
PARTS = {
    "__init__", "__main__", "operation", "performer", "client", "http", "cli", "cost", "serving",
    "resume", "declaration", "engine", "session", "errors", "models", "messages", "executor",
    "operations", "inputs", "weights", "head", "attention", "memory", "settings", "request",
    "recogniser", "decode", "encode",
}  # fmt: skip


def classes() -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in SOURCE.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(str(path.relative_to(SOURCE)))
    return found


def test_no_two_public_classes_share_a_name() -> None:
    assert {name: paths for name, paths in classes().items() if len(paths) > 1} == {}


def test_no_two_files_share_a_name_but_for_parts_of_a_seam() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path in SOURCE.rglob("*.py"):
        if path.stem not in PARTS:
            found[path.stem].append(str(path.relative_to(SOURCE)))
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}


@pytest.mark.extras  # some terms are of training, whose modules import its libraries
def test_each_term_of_the_glossary_is_borne_by_what_it_names() -> None:
    rows = re.findall(
        r"^\| ([^|]+?) \| [^|]+ \| `([\w.]+)` \|$", (ROOT / "docs/glossary.md").read_text(), re.M
    )
    terms = [term for term, _ in rows]
    assert 20 <= len(terms) == len(set(terms)) <= 44
    for term, name in rows:
        module, _, bearer = name.rpartition(".")
        if bearer[0].isupper():
            assert hasattr(importlib.import_module(module), bearer), term
        else:
            importlib.import_module(name)
