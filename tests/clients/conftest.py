"""A server process before a scripted node, for the official clients."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """The address of a scripted server."""
    command = [sys.executable, "-m", "tests.server.scripted_server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        yield address
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server with a fresh state."""
    home = tmp_path_factory.mktemp("home")
    environment = {
        **os.environ,
        "INGLE_STATE_DIR": str(home / "state"),
        "INGLE_MODELS_DIR": str(home / "models"),
        "INGLE_CONFIG": str(home / "ingle.toml"),
    }
    command = [sys.executable, "-m", "ingle.cli.main", "serve", "--port", "0"]
    with subprocess.Popen(
        command, env=environment, cwd=home, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert "http://127.0.0.1:" in first, first + process.stderr.read()
        try:
            yield next(word for word in first.split() if word.startswith("http://"))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
