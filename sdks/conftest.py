"""A real server with the embedded models, for clients that know nothing of it but its address."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

INGLE = Path(__file__).parents[1] / ".venv" / "bin" / "ingle"


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("home")
    places = {"STATE_DIR": "state", "MODELS_DIR": "models", "CONFIG": "ingle.toml"}
    environment = {f"INGLE_{name}": str(home / place) for name, place in places.items()}
    command = [str(INGLE), "serve", "--port", "0"]
    with subprocess.Popen(
        command, env={**os.environ, **environment}, cwd=home, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert "http://127.0.0.1:" in first, first + process.stderr.read()
        try:
            yield next(word for word in first.split() if word.startswith("http://"))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
