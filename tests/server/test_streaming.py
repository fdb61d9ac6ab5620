"""Clients that leave, stall or read slowly; servers that stop."""

from __future__ import annotations

import json
import socket

import pytest

from ingle.server.settings import RequestLimits, ServerSettings
from tests.waiting import eventually, slow

from .running import Running, running

ROUTES = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "{}"}], "stream": True},
    "/v1/responses": {"input": "{}", "stream": True},
    "/v1/messages": {"messages": [{"role": "user", "content": "{}"}], "stream": True},
    "/api/chat": {"messages": [{"role": "user", "content": "{}"}]},
    "/api/generate": {"prompt": "{}"},
}


def ask(server: Running, path: str, script: str, **more: object) -> socket.socket:
    """Send a request whose user message is the script; the answer is not read."""
    asked = {"model": "ember", **ROUTES[path], **more}
    body = json.dumps(asked).replace("{}", script).encode()
    raw = socket.create_connection(server.address, timeout=10)
    raw.sendall(
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    return raw


def read_all(raw: socket.socket) -> str:
    found = b""
    while chunk := raw.recv(65_536):
        found += chunk
    return found.decode()


@pytest.mark.parametrize("path", ROUTES)
def test_a_client_that_leaves_frees_its_slot(fresh: Running, path: str) -> None:
    raw = ask(fresh, path, "forever")
    assert raw.recv(4096).startswith(b"HTTP/1.1 200")
    assert fresh.node.active == 1
    raw.close()
    eventually(lambda: fresh.node.active == 0)
    assert fresh.node.left_early == 1


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_before_the_first_piece(
    fresh: Running, path: str, stream: bool
) -> None:
    raw = ask(fresh, path, "hang", stream=stream)
    eventually(lambda: fresh.node.active == 1)
    raw.close()
    eventually(lambda: fresh.node.active == 0)


def test_several_prompts_all_end_when_the_client_leaves(fresh: Running) -> None:
    body = json.dumps({"model": "ember", "prompt": ["a"] * 4, "stream": True, "n": 100}).encode()
    raw = socket.create_connection(fresh.address, timeout=10)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    head = f"POST /v1/completions HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: {len(body)}"
    raw.sendall(head.encode() + b"\r\n\r\n" + body)
    eventually(lambda: fresh.node.performed != [])
    raw.close()
    eventually(lambda: fresh.node.active == 0)


def test_a_slow_reader_makes_the_engine_wait() -> None:
    with running(ServerSettings(limits=RequestLimits(pending_bytes=10_000))) as server:
        with ask(server, "/v1/chat/completions", "flood") as raw:
            first = raw.recv(1000)
            assert first.startswith(b"HTTP/1.1 200")
            # 100,000 pieces of 100 bytes do not fit what the kernel takes: the script
            # comes to a halt while nothing is read.
            eventually(lambda: server.node.told > 0 and not moving(server))
            assert server.node.told < 100_000
            found = first
            while not found.endswith(b"0\r\n\r\n"):
                found += raw.recv(1 << 20)
        assert found.count(b'"content":"x') == 100_000
        eventually(lambda: server.node.active == 0)


def moving(server: Running) -> bool:
    before = server.node.told
    slow(0.05)
    return server.node.told != before


def test_a_reader_that_stalls_is_given_up() -> None:
    with running(ServerSettings(limits=RequestLimits(stalled_s=0.2))) as server:
        raw = ask(server, "/v1/chat/completions", "flood")
        eventually(lambda: server.node.active == 1)
        eventually(lambda: server.node.active == 0)
        raw.close()


def test_pieces_that_are_ready_together_leave_together(server: Running) -> None:
    asked = {"model": "ember", "messages": [{"role": "user", "content": "x"}], "stream": True}
    with server.client.stream("POST", "/v1/chat/completions", json=asked) as response:
        chunks = list(response.iter_raw())
    # Five pieces, a role, an end: the script has them ready at once.
    assert len(chunks) == 1
    assert chunks[0].count(b"data: ") == 8


@pytest.mark.parametrize("path", ROUTES)
def test_a_stopping_server_tells_its_streams_why(path: str) -> None:
    with running(grace_s=0.05) as server:
        with ask(server, path, "forever") as raw:
            assert raw.recv(100).startswith(b"HTTP/1.1 200")
            server.stop()
            text = read_all(raw)
        assert "the server is stopping" in text
        assert server.node.active == 0


def test_a_stopping_server_lets_short_answers_finish() -> None:
    with running(grace_s=5) as server, ask(server, "/api/chat", "break") as raw:
        eventually(lambda: server.node.performed != [])
        server.stop()
        assert '"code":"worker_died"' in read_all(raw)


def test_a_stopping_server_answers_what_has_not_begun(fresh: Running) -> None:
    with ask(fresh, "/v1/messages", "hang", stream=False) as raw:
        eventually(lambda: fresh.node.active == 1)
        fresh.stop()
        text = read_all(raw)
    assert text.startswith("HTTP/1.1 503")
    assert "the server is stopping" in text


def test_two_hundred_clients_at_once(fresh: Running) -> None:
    clients = [ask(fresh, "/v1/chat/completions", "hello", stream=False) for _ in range(200)]
    for raw in clients:
        assert raw.recv(100).startswith(b"HTTP/1.1 200")
        raw.close()
    eventually(lambda: fresh.node.active == 0)
