"""The clients of Node: ai, openai and ollama, by Node's own test runner."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "node"


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node on this machine")
@pytest.mark.parametrize("name", ["ai", "openai", "ollama"])
def test_all_of_them(url: str, name: str) -> None:
    command = ["node", "--test", f"{name}.test.mjs"]
    ended = subprocess.run(
        command, cwd=FOLDER, env={**os.environ, "INGLE_URL": url}, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
