"""Paths with wildcards are folders with patterns."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.capabilities.collections.cli.path_patterns import folders_and_patterns
from ingle.collections.folder_scan import scan
from ingle.errors import InvalidRequest


def test_a_wildcard_is_a_pattern_below_its_folder(tmp_path: Path) -> None:
    for name in ("a.md", "deep/b.md", "deep/c.txt", "[x].txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def found(*paths: str) -> list[str]:
        roots, patterns = folders_and_patterns([tmp_path / path for path in paths])
        return sorted(file.path.name for file in scan(roots, patterns))

    assert found("**/*.md") == ["a.md", "b.md"]
    assert found("*.txt") == ["[x].txt", "c.txt"]
    assert found("deep/*") == ["b.md", "c.txt"]
    assert found("[x].txt") == ["[x].txt"], "there is a file of this name"
    assert found("**/*.md", "*.txt") == ["[x].txt", "a.md", "b.md", "c.txt"]
    assert folders_and_patterns([Path("*.md")]) == ([Path()], ["*.md"])
    with pytest.raises(InvalidRequest, match="one by one"):
        folders_and_patterns([tmp_path / "*.md", tmp_path / "deep"])
