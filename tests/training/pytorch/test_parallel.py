"""Two processes that share out the micro-batches of a step train what one alone does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from tests.training.models import write_base
from tests.training.pytorch.test_step import batch, step_of

RATE = 1e-2


def train(base: Path, to: Path) -> None:
    """Three steps of two micro-batches; what a process of the group runs."""
    step = step_of(base)
    executor, losses = step.executor, []
    for _ in range(3):
        parts = [batch(24, 1), batch(16, 1)]
        count = sum(part.supervised for part in parts)
        for number, part in enumerate(parts):
            if number % executor.world == executor.rank:
                step.accumulate(part, weight=1 / count)
        losses.append(step.update(RATE)[0])
    np.savez(to, **executor.parameters())
    to.with_suffix(".json").write_text(json.dumps(losses))
    executor.close()


def test_two_processes_are_as_one(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base.gguf")
    train(base, tmp_path / "alone.npz")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    processes = []
    for rank in range(2):
        group = {
            "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        command = [sys.executable, "-m", __name__, str(base), str(tmp_path / f"{rank}.npz")]
        processes.append(subprocess.Popen(command, env={**os.environ, **group}))
    assert [process.wait(timeout=100) for process in processes] == [0, 0]
    alone = np.load(tmp_path / "alone.npz")
    losses = json.loads((tmp_path / "alone.json").read_text())
    for rank in range(2):
        found = np.load(tmp_path / f"{rank}.npz")
        theirs = json.loads((tmp_path / f"{rank}.json").read_text())
        assert theirs == pytest.approx(losses, rel=1e-4)
        for name in alone.files:
            np.testing.assert_allclose(found[name], alone[name], atol=1e-3)


if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]))
