"""Temporary folders lie in the state directory, and go with whoever made them."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingle.engines import sandbox
from ingle.errors import StorageError
from ingle.temporary_folders import TemporaryFolders, system_root

from .kills import left_after, short_place

KILLS = 20
_HOLD = """
import sys
from pathlib import Path
from ingle.temporary_folders import TemporaryFolders
folder = TemporaryFolders(Path(sys.argv[1])).make()
(folder.path / "file").write_text("half")
print(folder.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def short() -> Iterator[Path]:
    with short_place() as place:
        yield place


def test_a_folder_is_private_and_goes_with_its_block(short: Path) -> None:
    before = os.umask(0)
    try:
        with TemporaryFolders(short / "state").one() as folder:
            assert folder.parent == short / "state" / "tmp"
            for path in (folder, folder.parent):
                assert stat.S_IMODE(path.stat().st_mode) == 0o700
    finally:
        os.umask(before)
    assert list((short / "state" / "tmp").iterdir()) == []


def test_only_those_of_ended_processes_are_removed(short: Path) -> None:
    folders = TemporaryFolders(short)
    command = [sys.executable, "-c", _HOLD, str(short)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        path = Path(holder.stdout.readline().strip())
        folders.remove_abandoned()
        assert (path / "file").exists()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        folders.remove_abandoned()
    assert list((short / "tmp").iterdir()) == []


def test_a_state_directory_that_is_too_deep_uses_the_systems(tmp_path: Path) -> None:
    with TemporaryFolders(tmp_path / ("d" * 100)).one() as folder:
        assert folder.parent == system_root()
        assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700


def test_a_place_that_cannot_be_used_is_told(short: Path, caplog: pytest.LogCaptureFixture) -> None:
    (short / "tmp").touch()
    with TemporaryFolders(short).one() as folder:
        assert folder.parent == system_root()
    assert "is used instead" in caplog.text


def test_the_systems_folder_of_someone_else_is_refused(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(short))
    (short / f"ingle-{os.getuid()}").symlink_to(short)
    with pytest.raises(StorageError, match="belongs to someone else"):
        TemporaryFolders(None).make()


@pytest.mark.extras
@pytest.mark.skipif(not sandbox.works("landlock"), reason="needs Landlock")
@pytest.mark.timeout(180)
def test_killed_nodes_leave_nothing(short: Path, ember: Path) -> None:
    large = shutil.copy(ember, short / "large.gguf")
    assert left_after(KILLS, 16, "landlock", large, short) == []
