"""A reader's machine: a folder, a node that is served, and ``ingle`` on the path."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..engines.lora import write_adapter

COMMAND_S = 60


class Machine:
    """Where the examples run. Nothing of it touches the user's own settings or models."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = ""
        self.places = {
            "INGLE_STATE_DIR": str(home / "state"),
            "INGLE_MODELS_DIR": str(home / "models"),
            "INGLE_CONFIG": str(home / "config.toml"),
        }
        self.environment = {
            **os.environ,
            **self.places,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "CURL_HOME": str(home),
        }

    def run(self, commands: str) -> None:
        """Run a shell block. Every line must succeed; curl's are left out where it is missing."""
        if "curl " in commands and shutil.which("curl") is None:
            return
        done = subprocess.run(
            ["sh", "-eu", "-c", commands],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        assert done.stdout or done.stderr


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, ember: Path) -> Iterator[Machine]:
    home = tmp_path_factory.mktemp("reader")
    (home / ".curlrc").write_text("silent\nshow-error\nfail-with-body\n")
    write_adapter(home / "style.gguf", ember, seed=1)
    machine = Machine(home)
    command = [sys.executable, "-m", "ingle.cli.main", "serve", "--port", "0"]
    with subprocess.Popen(
        command, env=machine.environment, cwd=home, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        first = server.stderr.readline()
        assert "http://127.0.0.1:" in first, first + server.stderr.read()
        machine.url = next(word for word in first.split() if word.startswith("http://"))
        try:
            yield machine
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(20)
