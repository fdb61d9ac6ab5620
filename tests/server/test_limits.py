"""Bodies that are too large, too deep, not text, or slow; numbers out of bounds."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingle.errors import Busy, InvalidRequest
from ingle.server.body_budget import BodyBudget
from ingle.server.limits import check_json, check_structure
from ingle.server.settings import MIB, RequestLimits, ServerSettings
from tests.waiting import eventually

from .running import Running, running

POSTS = {
    "/v1/chat/completions": {"model": "m", "messages": [{"role": "user", "content": "x"}]},
    "/v1/completions": {"model": "m", "prompt": "x"},
    "/v1/responses": {"model": "m", "input": "x"},
    "/v1/embeddings": {"model": "m", "input": "x"},
    "/v1/rerank": {"model": "m", "query": "x", "documents": ["y"]},
    "/v1/tokenize": {"model": "m", "content": "x"},
    "/v1/detokenize": {"model": "m", "tokens": [1]},
    "/v1/messages": {"model": "m", "messages": [{"role": "user", "content": "x"}]},
    "/v1/messages/count_tokens": {"model": "m", "messages": [{"role": "user", "content": "x"}]},
    "/api/chat": {"model": "m", "messages": [{"role": "user", "content": "x"}]},
    "/api/generate": {"model": "m", "prompt": "x"},
    "/api/embed": {"model": "m", "input": "x"},
    "/api/embeddings": {"model": "m", "prompt": "x"},
    "/api/show": {"model": "m"},
    "/api/pull": {"model": "m"},
    "/api/copy": {"source": "ember", "destination": "n"},
}
NUMBERS = {
    "/v1/chat/completions": [
        "max_tokens",
        "max_completion_tokens",
        "n",
        "top_p",
        "top_k",
        "min_p",
        "temperature",
        "presence_penalty",
        "frequency_penalty",
        "repeat_penalty",
        "num_ctx",
        "context",
        "top_logprobs",
        "seed",
    ],
    "/v1/completions": ["max_tokens", "n", "logprobs", "temperature", "seed", "best_of"],
    "/v1/responses": ["max_output_tokens", "top_logprobs", "temperature", "top_p"],
    "/v1/embeddings": ["dimensions", "context"],
    "/v1/rerank": ["top_n", "context"],
    "/v1/messages": ["max_tokens", "top_k", "top_p", "temperature", "context", "seed"],
    "/api/embed": ["dimensions"],
}
OPTIONS = [
    "num_ctx",
    "num_predict",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "repeat_penalty",
    "repeat_last_n",
    "presence_penalty",
    "seed",
]


@pytest.fixture(scope="module")
def tight() -> Iterator[Running]:
    limits = RequestLimits(body_bytes=MIB, body_idle_s=0.2)
    with running(ServerSettings(limits=limits)) as found:
        yield found


def refused(server: Running, path: str, content: bytes) -> httpx.Response:
    return server.client.post(path, content=content, headers={"content-type": "application/json"})


@pytest.mark.parametrize("path", POSTS)
def test_bad_bodies_are_refused_on_every_route(server: Running, path: str) -> None:
    good = json.dumps(POSTS[path]).encode()
    assert refused(server, path, good).status_code == 200
    for name, body in {
        "deep array": b'{"zz":' + b"[" * 10_000 + b"]" * 10_000 + b"," + good[1:],
        "deep object": b'{"zz":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"," + good[1:],
        "unclosed": b"[" * 10_000,
        "not UTF-8": good[:-1] + b',"zz":"\xff\xfe"}',
        "lone surrogate": good.replace(b'"m"', b'"\\ud800"').replace(b'"ember"', b'"\\ud800"'),
        "not JSON": b"model=m",
        "NaN": good[:-1] + b',"zz":NaN}',
        "an array": b"[]",
        "empty": b"",
        "null": b"null",
        "model": good.replace(b'"m"', b'{"a":1}').replace(b'"ember"', b"7"),
    }.items():
        response = refused(server, path, body)
        assert response.status_code == 400, (name, response.text)
        assert "error" in response.json(), name


@pytest.mark.parametrize("path", NUMBERS)
def test_numbers_out_of_bounds_are_refused(server: Running, path: str) -> None:
    for field in NUMBERS[path]:
        for value in (-(10**30), 10**30, -(2**63) - 1, "7", [1], {"a": 1}):
            response = server.post(path, {**POSTS[path], field: value})
            assert response.status_code == 400, (field, value, response.text)
        huge = json.dumps(POSTS[path]).encode()[:-1] + f',"{field}":1e999}}'.encode()
        assert refused(server, path, huge).status_code == 400


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
def test_options_out_of_bounds_are_refused(server: Running, path: str) -> None:
    for field in OPTIONS:
        for value in (-(10**30), 10**30, "7", [1]):
            response = server.post(path, {**POSTS[path], "options": {field: value}})
            assert response.status_code == 400, (field, value)
            assert field in response.json()["error"], response.text


def test_a_declared_body_over_the_limit(tight: Running) -> None:
    response = refused(tight, "/v1/chat/completions", b"x" * (2 * MIB))
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "body_too_large"


def test_a_chunked_body_over_the_limit(tight: Running) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 65_536

    response = tight.client.post("/api/chat", content=pieces())
    assert response.status_code == 413
    assert "larger than" in response.json()["error"]


def test_a_hundred_megabytes_are_refused_without_being_held(server: Running) -> None:
    try:
        response = refused(server, "/v1/messages", b"x" * (100 * MIB))
        assert response.status_code == 413
        assert response.json()["error"]["type"] == "request_too_large"
    except (httpx.WriteError, httpx.ReadError):
        pass  # The server may hang up on a client that would not stop.
    assert server.get("/healthz").status_code == 200


def test_a_body_that_trickles_is_given_up(tight: Running) -> None:
    with socket.create_connection(tight.address) as raw:
        raw.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
        )
        raw.settimeout(5)
        assert raw.recv(4096).startswith(b"HTTP/1.1 408")


def test_curl_is_refused_before_it_sends(tight: Running) -> None:
    with socket.create_connection(tight.address) as raw:
        raw.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"
        )
        raw.settimeout(5)
        assert raw.recv(4096).startswith(b"HTTP/1.1 413")


def test_any_content_type_is_read_as_json(server: Running) -> None:
    body = json.dumps(POSTS["/api/chat"] | {"stream": False})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json;a=b"):
        response = server.client.post("/api/chat", content=body, headers={"content-type": kind})
        assert response.status_code == 200


def test_paths_in_names_reach_nothing(server: Running) -> None:
    for name in ("..%2f..%2fmissing", "missing%00", "%2fmissing", "C:%5cmissing"):
        response = server.client.get(f"/v1/models/{name}")
        assert response.json()["error"]["code"] == "model_not_found"


def nested_beyond(body: bytes, depth: int) -> bool:
    try:
        check_structure(body, RequestLimits(json_depth=depth))
    except InvalidRequest:
        return True
    return False


def deep(level: int) -> object:
    found: object = 1
    for at in range(level):
        found = [found] if at % 2 else {"a": found}
    return found


@pytest.mark.parametrize(("level", "refused"), [(0, False), (8, False), (9, True), (500, True)])
def test_depth_is_counted_exactly(level: int, refused: bool) -> None:
    wide = [deep(level)] + [[], {}] * 50
    assert nested_beyond(json.dumps(wide).encode(), 9) is refused


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


text = st.text(alphabet='ab[]{}"\\\n') | st.text()
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=30,
)


@settings(max_examples=300)
@given(trees, st.integers(1, 6), st.booleans())
def test_depth_agrees_with_a_parser(tree: object, limit: int, ascii_only: bool) -> None:
    body = json.dumps(tree, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert nested_beyond(body, limit) is (depth_of(tree) > limit)


@pytest.mark.parametrize(
    ("path", "small"),
    [
        *((path, b"{}") for path in POSTS),
        *(("/api/chat", small) for small in (b"[]", b'{"a":{}}', b"1", b'""', b"[[1]]", b"1.5")),
    ],
)
def test_more_values_than_anyone_sends_are_refused(
    server: Running, path: str, small: bytes
) -> None:
    body = json.dumps(POSTS[path]).encode()[:-1] + b',"zz":[' + b",".join([small] * 600_000) + b"]}"
    response = refused(server, path, body)
    assert response.status_code == 400
    assert "the JSON has more than" in response.text


def test_brackets_and_commas_in_texts_are_no_values() -> None:
    text = '[{,"' * 1000
    few = RequestLimits(json_depth=2, json_values=3, json_containers=2)
    check_structure(json.dumps([text, {"a": text, text: "\\"}]).encode(), few)
    with pytest.raises(InvalidRequest, match="more than 3 values"):
        check_structure(b"[1, 2, 3, 4, 5]", few)
    with pytest.raises(InvalidRequest, match="more than 2 objects and lists"):
        check_structure(b"[[], []]", few)


@pytest.mark.parametrize("text", ["é", "€", "😀"])
def test_characters_may_lie_across_what_is_decoded_at_once(text: str) -> None:
    encoded = text.encode()
    for before in range(65_536 - len(encoded), 65_537):
        check_json(b"a" * before + encoded, RequestLimits())
        with pytest.raises(InvalidRequest, match=rf"bad byte at {before}"):
            check_json(b"a" * before + encoded[:-1] + b"a", RequestLimits())


def test_a_body_that_only_trickles_is_given_up(tight: Running) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n"
    with socket.create_connection(tight.address) as raw:
        raw.sendall(head)
        raw.setblocking(False)
        answer = bytearray()

        def refused_by_now() -> bool:
            try:
                answer.extend(raw.recv(4096))
            except BlockingIOError:
                raw.send(b" ")
            return answer.startswith(b"HTTP/1.1 408")

        eventually(refused_by_now)


def test_a_body_must_be_whole_in_time() -> None:
    limits = RequestLimits(body_s=0.3, body_rate=0)
    head = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n"
    with (
        running(ServerSettings(limits=limits)) as server,
        socket.create_connection(server.address, timeout=10) as raw,
    ):
        raw.sendall(head + b"{")
        answer = b"".join(iter(lambda: raw.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"not complete" in answer


def test_bodies_share_what_is_kept_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = BodyBudget(MIB, clock=lambda: 0.0)  # no body becomes a slow one
    monkeypatch.setattr("ingle.server.endpoint.BodyBudget", lambda most: budget)
    limits = RequestLimits(body_bytes=MIB, bodies_bytes=MIB)
    head = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
    large = json.dumps(POSTS["/api/chat"] | {"zz": "a" * 900_000}).encode()
    with (
        running(ServerSettings(limits=limits)) as server,
        socket.create_connection(server.address, timeout=10) as raw,
    ):
        raw.sendall(head + b" " * 900_000)
        eventually(lambda: budget.used == 900_000)
        assert refused(server, "/api/chat", large).status_code == 503
        assert server.post("/api/chat", POSTS["/api/chat"]).status_code == 200


def test_a_slow_body_makes_room_for_another() -> None:
    anyio.run(_slow_body)


async def _slow_body() -> None:
    now = 0.0
    budget = BodyBudget(100_000, clock=lambda: now)
    with budget.held() as slow, budget.held() as quick:
        with budget.reading(slow):
            slow.grow(90_000)
            with pytest.raises(Busy):
                quick.grow(50_000)
            now = 60.0
            quick.grow(50_000)
            await anyio.sleep(0)
            raise AssertionError("it is still being read")
        assert slow.given_up
        assert budget.used == 50_000
    assert budget.used == 0


def test_images_may_be_large_and_texts_beyond_ascii_may_not() -> None:
    image = '"' + "A" * (9 * MIB) + '"'
    check_json(f'["Grüße", {image}]'.encode(), RequestLimits())
    with pytest.raises(InvalidRequest, match="beyond ASCII"):
        check_json(
            ('["' + "ü" * (3 * MIB) + '", "' + "ü" * (2 * MIB) + '"]').encode(), RequestLimits()
        )


def test_digits_in_texts_are_no_large_numbers(server: Running) -> None:
    words = {"role": "user", "content": "9" * 100 + ' "' + "1e999"}
    assert server.post("/v1/chat/completions", {"model": "m", "messages": [words]}).is_success
    for at in (MIB - 12, MIB - 1, MIB, 3 * MIB):
        body = json.dumps({"model": "m", "messages": [words], "zz": "a" * at}).encode()
        large = body[:-1] + b',"seed":' + b"9" * 30 + b"}"
        assert refused(server, "/v1/chat/completions", large).status_code == 400
