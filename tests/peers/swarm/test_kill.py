"""A pull that is killed goes on, without fetching again what it had."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from .conftest import Whole


def start(root: Path, model: Whole, torrent: Path, rate: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.peers.swarm.pulling",
            str(root),
            str(model.path),
            str(torrent),
            str(rate),
        ],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        stdout=subprocess.PIPE,
        text=True,
    )


def after(process: subprocess.Popen[str], count: int) -> None:
    """Until so many bytes are there."""
    assert process.stdout is not None
    for line in process.stdout:
        word, number, *_ = line.split()
        if word == "at" and int(number) >= count:
            return
    raise AssertionError("it ended before")


def test_kill_9_costs_less_than_a_tenth(model: Whole, tmp_path: Path) -> None:
    torrent = tmp_path / "torrent"
    torrent.write_bytes(model.torrent)
    size = len(model.data)
    process = start(tmp_path / "m", model, torrent, 12e6)
    after(process, size // 2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    last = start(tmp_path / "m", model, torrent, 0)
    out = last.communicate(timeout=30)[0].split("\n")
    (sent,) = [int(line.split()[1]) for line in out if line.startswith("done")]
    # Half was there; what came in the last moments before the kill comes once more.
    assert sent < size * 0.6 + 0.4e6
    blob = tmp_path / "m" / "models" / "blobs" / f"sha256-{model.digest[7:]}"
    assert blob.read_bytes() == model.data


def test_killed_again_and_again_it_still_arrives(model: Whole, tmp_path: Path) -> None:
    torrent = tmp_path / "torrent"
    torrent.write_bytes(model.torrent)
    for share in (0.2, 0.5, 0.8):
        process = start(tmp_path / "m", model, torrent, 12e6)
        after(process, int(len(model.data) * share))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = start(tmp_path / "m", model, torrent, 0)
    process.communicate(timeout=30)
    blob = tmp_path / "m" / "models" / "blobs" / f"sha256-{model.digest[7:]}"
    assert blob.read_bytes() == model.data
