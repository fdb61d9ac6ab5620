"""Binding, the port that is taken, signals, metrics."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from ingle.errors import ConfigError
from ingle.server.listen_address import Address, bind, bound, owner_of
from ingle.server.metrics import Histogram, Metrics
from ingle.server.settings import DEFAULT_PORT

from .running import running

ROOT = Path(__file__).parents[2]


def test_a_taken_port_names_its_owner() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match="already in use") as caught:
            bind("127.0.0.1", port)
    if Path("/proc/net/tcp").exists():
        assert f"process {os.getpid()}" in caught.value.message
        assert caught.value.details["pid"] == os.getpid()
    assert "--port 0" in caught.value.hint


def test_nobody_owns_a_free_port() -> None:
    assert owner_of(1) is None


def test_hosts_and_ports_that_cannot_be() -> None:
    for host, port in (("127.0.0.1", -1), ("127.0.0.1", 70_000), ("no.such.invalid", 0)):
        with pytest.raises(ConfigError):
            bind(host, port)
    with pytest.raises(ConfigError, match="cannot listen"):
        bind("203.0.113.7", 0)


def test_a_bound_socket_tells_its_port() -> None:
    with bind("localhost", 0) as sock:
        address = bound(sock)
        assert address.host == "127.0.0.1"
        assert address.port > 0
    assert Address("::", 80).url == "http://[::1]:80"
    assert Address("0.0.0.0", 80).url == "http://127.0.0.1:80"
    assert DEFAULT_PORT == 11411


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_cleanly(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "tests.server.scripted_server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        asked = {"model": "ember", "messages": [{"role": "user", "content": "forever"}]}
        with httpx.stream("POST", f"{url}/api/chat", json=asked, timeout=10) as response:
            lines = response.iter_lines()
            next(lines)
            process.send_signal(number)
            assert "the server is stopping" in list(lines)[-1]
        assert process.wait(10) == 0


def test_metrics_count_what_happened() -> None:
    with running() as server:
        asked = {"model": "ember", "messages": [{"role": "user", "content": "x"}]}
        server.post("/v1/chat/completions", asked)
        server.post("/v1/chat/completions", {**asked, "stream": True})
        server.post("/v1/chat/completions", {})
        page = server.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    route = 'method="POST",route="/v1/chat/completions"'
    for line in (
        f'ingle_http_requests_total{{{route},status="200"}} 2',
        f'ingle_http_requests_total{{{route},status="400"}} 1',
        'ingle_tokens_total{model="ember",kind="prompt"} 24',
        'ingle_tokens_total{model="ember",kind="completion"} 10',
        'ingle_time_to_first_piece_seconds_count{route="/v1/chat/completions"} 1',
        "ingle_models_loaded 1",
        "ingle_queue_length 0",
    ):
        assert line in page.text.splitlines(), line
    samples = [line for line in page.text.splitlines() if not line.startswith("#")]
    assert all(len(line.rsplit(" ", 1)) == 2 for line in samples)
    assert len(samples) == len({line.rsplit(" ", 1)[0] for line in samples})


def test_a_histogram_is_cumulative() -> None:
    histogram = Histogram((0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 5.0):
        histogram.observe(value)
    assert histogram.lines("h", 'a="b"') == [
        'h_bucket{a="b",le="0.1"} 2',
        'h_bucket{a="b",le="1.0"} 3',
        'h_bucket{a="b",le="+Inf"} 4',
        'h_sum{a="b"} 5.650000',
        'h_count{a="b"} 4',
    ]


def test_metrics_escape_labels() -> None:
    metrics = Metrics()
    metrics.request("GET", 'a"b\\c\nd', 200, 0.1)
    assert 'route="a\\"b\\\\c\\nd"' in metrics.render(None)
