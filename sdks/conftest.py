"""A real server with the embedded models, for clients that know nothing of it but its address."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

INGLE = Path(__file__).parents[1] / ".venv" / "bin" / "ingle"
TINY = Path(__file__).parents[1] / ".real" / "speech" / "ggml-tiny.bin"


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """In which ingle has a home of its own."""
    home = tmp_path_factory.mktemp("home")
    places = {"STATE_DIR": "state", "MODELS_DIR": "models", "CONFIG": "ingle.toml"}
    return {**os.environ, **{f"INGLE_{name}": str(home / at) for name, at in places.items()}}


@pytest.fixture(scope="session")
def ears(url: str, environment: dict[str, str]) -> str:
    """The name of a model that hears: true weights, which `make sdks` fetches."""
    command = [str(INGLE), "pull", "whisper:tiny.en", "--from", str(TINY)]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return "whisper:tiny.en"


@pytest.fixture(scope="session")
def url(environment: dict[str, str]) -> Iterator[str]:
    home = Path(environment["INGLE_CONFIG"]).parent
    command = [str(INGLE), "serve", "--port", "0"]
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
