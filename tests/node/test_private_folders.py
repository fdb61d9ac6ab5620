"""What ingle keeps is closed to other users, whatever the umask is."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ingle.private_folders import private_parts
from tests.cli.place import Place


def open_parts(place: Place) -> Iterator[tuple[str, str]]:
    for path in private_parts(place.state, place.home / "models"):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if mode & 0o077:
            yield str(path), oct(mode)


def with_umask_0(place: Place, *arguments: str) -> None:
    command = [sys.executable, "-m", "ingle.cli.main", *arguments]
    subprocess.run(command, env=place.environment, cwd=place.home, umask=0, check=True)


def test_nothing_is_open_with_a_umask_of_0(tmp_path: Path) -> None:
    place = Place(tmp_path)
    try:
        with_umask_0(place, "cp", "ember-embed", "mine")
        with_umask_0(place, "embed", "hello")
        with_umask_0(place, "config", "set", "slots", "2")
        assert stat.S_IMODE((tmp_path / "config.toml").stat().st_mode) == 0o600
        place.stop()
        # Before it was ours to close: files that live while a node runs are looked at, too.
        with_umask_0(place, "list")
        assert list(open_parts(place)) == []
    finally:
        place.stop()


def test_what_is_open_is_named_and_closed(tmp_path: Path) -> None:
    place = Place(tmp_path)
    before = os.umask(0)
    try:
        for path in (place.state, place.state / "logs", tmp_path / "models" / "blobs"):
            path.mkdir(parents=True)
    finally:
        os.umask(before)
    try:
        told = place.ok("doctor").out
        assert f"open to other users: {place.state}, {place.state}/logs" in told
        assert f"fix: chmod go= {place.state}" in told
        assert list(open_parts(place)) == []  # by the node that doctor asked
        assert "open to other users" not in place.ok("doctor").out
    finally:
        place.stop()
