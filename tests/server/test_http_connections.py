"""What a stranger may cost before anything is known of it: heads, waits, numbers, descriptors."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterator

import httpx
import pytest

from ingle.server.open_connections import counted_address
from ingle.server.settings import ConnectionLimits, ServerSettings
from tests.waiting import eventually

from .running import Running, running

HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
ASKED = json.dumps(
    {"model": "m", "stream": True, "messages": [{"role": "user", "content": "forever"}]}
).encode()
STREAM = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"
    % (len(ASKED), ASKED)
)
QUICK = ConnectionLimits(header_s=0.3, keep_alive_s=0.3, unread_s=0.5)


@pytest.fixture(scope="module")
def quick() -> Iterator[Running]:
    with running(ServerSettings(connections=QUICK)) as found:
        yield found


@contextlib.contextmanager
def connected(server: Running) -> Iterator[socket.socket]:
    with socket.create_connection(server.address, timeout=20) as raw:
        yield raw


def everything(raw: socket.socket) -> bytes:
    """What comes until the server hangs up."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while data := raw.recv(65_536):
            found += data
    return found


def send(raw: socket.socket, data: bytes) -> None:
    """Send, also to a server that does not want it any longer."""
    with contextlib.suppress(ConnectionError):
        raw.sendall(data)


def healthy(raw: socket.socket) -> bool:
    """Whether a connection that is kept open gets its answer."""
    send(raw, HEAD + b"\r\n")
    found = b""
    while not found.endswith(b"}"):
        data = raw.recv(4096)
        if not data:
            return False
        found += data
    return found.startswith(b"HTTP/1.1 200")


def metric(server: Running, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", server.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def ended(server: Running, reason: str) -> float:
    return metric(server, f'ingle_http_connections_ended_total{{reason="{reason}"}}')


@pytest.mark.parametrize(
    "endless",
    [
        b"GET /" + b"a" * 200_000,
        HEAD + b"X: " + b"a" * 200_000,
        HEAD + b"X" * 200_000,
        HEAD + b"".join(b"X%d: %s\r\n" % (at, b"a" * 4000) for at in range(50)),
        b"\r\n" * 100_000,
    ],
    ids=["path", "value", "name", "headers", "empty lines"],
)
def test_headers_that_do_not_end(server: Running, endless: bytes) -> None:
    with connected(server) as raw:
        send(raw, endless)
        answer = everything(raw)
    assert answer.startswith(b"HTTP/1.1 431")
    assert b"http_header_bytes" in answer


def test_too_many_headers(server: Running) -> None:
    with connected(server) as raw:
        send(raw, HEAD + b"".join(b"X%d: a\r\n" % at for at in range(200)) + b"\r\n")
        answer = everything(raw)
    assert answer.startswith(b"HTTP/1.1 431")
    assert b"http_header_count" in answer


def test_headers_within_the_bounds(server: Running) -> None:
    given = {f"x-{at}": "a" * 600 for at in range(90)}
    assert server.client.get("/healthz", headers=given).status_code == 200


def test_trailers_that_do_not_end(server: Running) -> None:
    with connected(server) as raw:
        send(raw, b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\n")
        send(raw, b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
        send(raw, b"".join(b"X%d: a\r\n" % at for at in range(200)))
        answer = everything(raw)
    assert answer.startswith(b"HTTP/1.1 4")
    assert b"http_header_count" in answer


def test_a_chunk_extension_that_does_not_end(server: Running) -> None:
    with connected(server) as raw:
        send(raw, b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\n")
        send(raw, b"Transfer-Encoding: chunked\r\n\r\n2;a=" + b"a" * 300_000)
        assert everything(raw).startswith(b"HTTP/1.1 431")


def test_nonsense(server: Running) -> None:
    with connected(server) as raw:
        send(raw, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert everything(raw).startswith(b"HTTP/1.1 400")


def test_half_a_head_is_not_waited_for(quick: Running) -> None:
    with connected(quick) as raw:
        send(raw, HEAD)
        assert everything(raw).startswith(b"HTTP/1.1 408")


def test_half_a_head_after_an_answer_is_not_waited_for(quick: Running) -> None:
    with connected(quick) as raw:
        send(raw, HEAD + b"\r\n")
        assert raw.recv(4096).startswith(b"HTTP/1.1 200")
        send(raw, HEAD)
        assert b"HTTP/1.1 408" in everything(raw)


def test_a_head_that_trickles_is_not_waited_for(quick: Running) -> None:
    before = ended(quick, "header_timeout")
    with connected(quick) as raw:
        send(raw, HEAD)

        def gone() -> bool:
            send(raw, b"x")
            return ended(quick, "header_timeout") > before

        eventually(gone)


def test_silence_is_not_waited_for(quick: Running) -> None:
    with connected(quick) as raw:
        assert everything(raw) == b""


def test_an_idle_connection_is_closed(quick: Running) -> None:
    with connected(quick) as raw:
        send(raw, HEAD + b"\r\n")
        assert b'{"status":"ok"}' in everything(raw)


def test_empty_lines_do_not_keep_a_connection_open(quick: Running) -> None:
    before = ended(quick, "idle")
    with connected(quick) as raw:
        send(raw, HEAD + b"\r\n")
        assert raw.recv(4096).startswith(b"HTTP/1.1 200")

        def gone() -> bool:
            send(raw, b"\r\n")
            return ended(quick, "idle") > before

        eventually(gone)


def test_a_body_that_is_not_wanted_is_not_waited_for(quick: Running) -> None:
    with connected(quick) as raw:
        send(raw, b"POST /v1/chat/completions HTTP/1.1\r\nHost: evil.example\r\n")
        send(raw, b"Content-Length: 1000\r\n\r\n{")
        assert b"HTTP/1.1 403" in everything(raw)


def test_answers_that_are_not_read_are_given_up(quick: Running) -> None:
    before = ended(quick, "unread")
    body = b'{"model":"m","tokens":[' + b"1000000," * 250_000 + b"1]}"
    head = b"POST /v1/detokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    # More than the buffers between the two hold.
    pending = bytearray((head % len(body) + body) * 8)
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(quick.address)
        raw.setblocking(False)

        def gone() -> bool:
            with contextlib.suppress(OSError):
                del pending[: raw.send(pending)]
            return ended(quick, "unread") > before

        eventually(gone)


def test_a_flood_of_pipelined_requests_is_cut(server: Running) -> None:
    with connected(server) as raw:
        send(raw, (HEAD + b"\r\n") * 2000)
        answers = everything(raw).count(b"HTTP/1.1 200")
    assert 1 <= answers < 100


def test_some_pipelined_requests_are_answered(server: Running) -> None:
    with connected(server) as raw:
        send(raw, (HEAD + b"\r\n") * 9 + HEAD + b"Connection: close\r\n\r\n")
        assert everything(raw).count(b"HTTP/1.1 200") == 10


def test_idle_connections_make_room() -> None:
    settings = ServerSettings(connections=ConnectionLimits(connections=20))
    with running(settings) as few, contextlib.ExitStack() as stack:
        silent = [stack.enter_context(connected(few)) for _ in range(60)]
        assert few.get("/healthz").status_code == 200
        assert silent[0].recv(10) == b""
        assert ended(few, "room") >= 40
        assert metric(few, "ingle_http_connections") <= 20


def test_who_was_answered_stays_longer_than_who_was_silent() -> None:
    settings = ServerSettings(connections=ConnectionLimits(connections=20))
    with running(settings) as few, contextlib.ExitStack() as stack:
        known = stack.enter_context(connected(few))
        assert healthy(known)
        for _ in range(60):
            stack.enter_context(connected(few))
        eventually(lambda: ended(few, "room") >= 40)
        assert healthy(known)


def test_one_address_cannot_take_everything() -> None:
    limits = ConnectionLimits(connections=50, per_address=10)
    with running(ServerSettings(connections=limits)) as few, contextlib.ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(connected(few))
        eventually(lambda: ended(few, "room") >= 20)
        assert metric(few, "ingle_http_connections") <= 10


def test_health_is_told_where_all_connections_are_in_use() -> None:
    settings = ServerSettings(connections=ConnectionLimits(connections=3))
    with running(settings) as few, contextlib.ExitStack() as stack:
        for _ in range(3):
            raw = stack.enter_context(connected(few))
            send(raw, STREAM)
            assert raw.recv(10)
        assert httpx.get(f"{few.address.url}/healthz").status_code == 200
        refused = httpx.get(f"{few.address.url}/v1/models")
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "busy"
        assert refused.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
    ],
)
def test_an_address_counts_as_its_network(host: str, counted: str) -> None:
    assert counted_address(host) == counted
