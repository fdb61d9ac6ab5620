"""Which files there are, and what changed."""

from __future__ import annotations

import os
from pathlib import Path

from ingle.collections.folder_scan import changes, scan
from ingle.collections.records import CollectedFile


def test_folders_are_gone_through_once_and_hidden_files_left_out(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/one.md").write_text("1")
    (tmp_path / "a/b/two.txt").write_text("2")
    (tmp_path / ".hidden").write_text("3")
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a", target_is_directory=True)
    (tmp_path / "a/nowhere").symlink_to(tmp_path / "missing")
    (tmp_path / "a/itself").symlink_to("itself")
    os.mkfifo(tmp_path / "a/pipe")
    names = [file.path.name for file in scan([tmp_path])]
    assert names == ["two.txt", "one.md"]
    assert [file.path.name for file in scan([tmp_path], only=["*.md"])] == ["one.md"]
    assert [file.path.name for file in scan([tmp_path], but=["a/b/*"])] == ["one.md"]
    assert [file.path.name for file in scan([tmp_path / ".hidden"])] == [".hidden"]


def test_only_what_changed_is_new(tmp_path: Path) -> None:
    for name in ("same", "other"):
        (tmp_path / name).write_text(name)
    files = scan([tmp_path])
    known = {
        str(file.path): CollectedFile(
            place=str(file.path), size=file.size,
            changed_ns=file.changed_ns - (file.path.name == "other"),
        )
        for file in files
    }  # fmt: skip
    gone = str(tmp_path / "gone")
    known[gone] = CollectedFile(place=gone, size=1, changed_ns=1)
    known["/elsewhere"] = CollectedFile(place="/elsewhere", size=1, changed_ns=1)
    found = changes(files, known, [tmp_path])
    assert [file.path.name for file in found.new] == ["other"]
    assert (found.gone, found.unchanged) == ([gone], 1)
