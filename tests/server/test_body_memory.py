"""What a body takes in memory, seen from outside: the most that the server's process ever had."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
LENGTH = 30 << 20
MOST = 120 << 20
START = b'{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function",'
SHAPES = {
    "objects": b'{"b":1},',
    "empty objects": b"{},",
    "lists": b"[],",
    "numbers": b"1.5,",
    "texts": b'"a",',
}


@pytest.fixture
def process() -> Iterator[tuple[int, str]]:
    """The id and the address of a server of its own."""
    command = [sys.executable, "-m", "tests.server.scripted_server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.pid, server.stdout.readline().strip()
        server.kill()


def most_memory(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("shape", SHAPES)
def test_small_values_do_not_become_gigabytes(process: tuple[int, str], shape: str) -> None:
    pid, url = process
    assert httpx.get(f"{url}/healthz").status_code == 200
    before = most_memory(pid)
    small = SHAPES[shape]
    body = START + b'"function":{"name":"f","parameters":{"a":[' + small * (LENGTH // len(small))
    answer = httpx.post(f"{url}/v1/chat/completions", content=body + b"1]}}}]}", timeout=60)
    assert answer.status_code == 400
    assert "the JSON has more than" in answer.text
    assert most_memory(pid) - before < MOST
