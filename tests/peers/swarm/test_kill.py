"""A pull that is killed continues, without fetching again what it had."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from .conftest import Whole


def start(
    root: Path, model: Whole, torrent: Path, rate: float, most: int = 0
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.peers.swarm.pulling",
            str(root),
            str(model.path),
            str(torrent),
            str(rate),
            str(most),
        ],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        stdout=subprocess.PIPE,
        text=True,
    )


def after(process: subprocess.Popen[str], count: int) -> None:
    """Until that many bytes are there."""
    assert process.stdout is not None
    for line in process.stdout:
        word, number, *_ = line.split()
        if word == "at" and int(number) >= count:
            return
    raise AssertionError("it ended before")


def test_kill_9_in_the_middle_costs_little(model: Whole, tmp_path: Path) -> None:
    torrent = tmp_path / "torrent"
    torrent.write_bytes(model.torrent)
    size = len(model.data)
    process = start(tmp_path / "m", model, torrent, 5e6)
    after(process, size // 2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    last = start(tmp_path / "m", model, torrent, 0)
    out = last.communicate(timeout=30)[0].split("\n")
    (sent,) = [int(line.split()[1]) for line in out if line.startswith("done")]
    # Half was there; what came in the last moments comes once more. How much of a large
    # file that is, `bench swarm` measures.
    assert sent < size * 0.75
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


def test_a_file_that_may_not_grow_further_is_kept_and_continues(
    model: Whole, tmp_path: Path
) -> None:
    torrent = tmp_path / "torrent"
    torrent.write_bytes(model.torrent)
    out, _ = start(tmp_path / "m", model, torrent, 0, most=4 << 20).communicate(timeout=30)
    assert "full no space left" in out
    out, _ = start(tmp_path / "m", model, torrent, 0).communicate(timeout=30)
    assert "done" in out
