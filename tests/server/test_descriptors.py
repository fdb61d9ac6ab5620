"""A server that may open few files, before more clients than it has descriptors for."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
FEW = 72
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
ASKED = b'{"model":"m","messages":[{"role":"user","content":"forever"}]}'
BUSY = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (
    len(ASKED),
    ASKED,
)


@contextlib.contextmanager
def narrow(inherited: int, log: Path) -> Iterator[str]:
    """A server whose process may have few descriptors, of which some are in use; its address."""
    with contextlib.ExitStack() as stack:
        null = stack.enter_context(Path(os.devnull).open())
        taken = [os.dup(null.fileno()) for _ in range(inherited)]
        for number in taken:
            stack.callback(os.close, number)
        errors = stack.enter_context(log.open("wb"))
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "tests.server.scripted_server"],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                pass_fds=taken,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, FEW)),
            )
        )
        stack.callback(process.kill)
        assert process.stdout is not None
        yield process.stdout.readline().strip()


def healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("inherited", [0, 40], ids=["counted", "run out"])
def test_a_thousand_silent_clients_do_not_keep_health_away(inherited: int, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with narrow(inherited, log) as url, contextlib.ExitStack() as stack:
        parts = urlsplit(url)
        for _ in range(1024):
            stack.enter_context(socket.create_connection((parts.hostname, parts.port), timeout=10))
        eventually(lambda: healthy(url))
        assert healthy(url)
    # It waits where there is nothing to do, and does not write down each attempt.
    assert len(log.read_text().splitlines()) < 200


def test_health_is_told_where_answers_use_all_descriptors(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with narrow(40, log) as url, contextlib.ExitStack() as stack:
        parts = urlsplit(url)
        for _ in range(40):
            raw = stack.enter_context(socket.create_connection((parts.hostname, parts.port)))
            raw.sendall(BUSY)
        eventually(lambda: healthy(url))
    assert len(log.read_text().splitlines()) < 200
