"""Hosts, origins and tokens, on every route that the application has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import httpx
import pytest
from starlette.datastructures import Headers
from starlette.routing import Route

from ingle.errors import ConfigError, Refused
from ingle.server.application import create_application
from ingle.server.listen_address import check_exposure
from ingle.server.security import AccessRules, host_name
from ingle.server.settings import ServerSettings

from .running import Running, running
from .scripted_node import ScriptedNode


def all_paths() -> list[str]:
    application = create_application(ScriptedNode())
    application.state.floor.close()
    return sorted(route.path for route in application.routes if isinstance(route, Route))


PATHS = all_paths()
METHODS = ("GET", "POST", "DELETE", "OPTIONS", "HEAD")


@pytest.fixture(scope="module")
def guarded() -> Iterator[Running]:
    settings = ServerSettings(
        token="s3cret", hosts=("studio.lan",), origins=("https://app.example",)
    )
    with running(settings) as found:
        yield found


def test_the_routes_are_all_there() -> None:
    assert len(PATHS) > 30
    assert {"/v1/chat/completions", "/v1/responses", "/api/chat", "/v1/messages"} <= set(PATHS)
    assert {"/api/pull", "/api/delete", "/metrics", "/healthz", "/"} <= set(PATHS)


@pytest.mark.parametrize("path", PATHS)
def test_foreign_hosts_and_origins_are_refused_everywhere(server: Running, path: str) -> None:
    before = len(server.node.performed)
    for headers in (
        {"host": "evil.example"},
        {"host": "evil.example:11411"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "localhost.evil.example"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1.evil.example"},
        {"origin": "http://localhost@evil.example"},
        {"origin": "file://localhost"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    ):
        for method in METHODS:
            response = server.client.request(method, path, headers=headers)
            assert response.status_code == 403, (method, headers)
            assert "access-control-allow-origin" not in response.headers
            assert "x-request-id" in response.headers
    assert len(server.node.performed) == before


@pytest.mark.parametrize("path", [path for path in PATHS if path != "/healthz"])
def test_every_route_but_health_asks_for_the_token(guarded: Running, path: str) -> None:
    for headers in ({}, {"authorization": "Bearer wrong"}, {"x-api-key": "S3cret"}):
        assert guarded.get(path, **headers).status_code == 401
    assert guarded.get(path, authorization="Bearer s3cret").status_code != 401
    assert guarded.get(path, **{"x-api-key": "s3cret"}).status_code != 401


def test_health_needs_no_token(guarded: Running) -> None:
    assert guarded.get("/healthz").json() == {"status": "ok"}


def test_known_names_pass(guarded: Running) -> None:
    token = {"authorization": "Bearer s3cret"}
    for host in ("localhost", "LOCALHOST:1", "[::1]:80", "127.8.9.1", "studio.lan", "localhost."):
        assert guarded.get("/", host=host, **token).status_code == 200, host
    for origin in ("http://localhost:3000", "https://app.example", "http://studio.lan"):
        response = guarded.get("/", origin=origin, **token)
        assert response.headers["access-control-allow-origin"] == origin
        assert response.headers["vary"] == "Origin"


def test_preflight_goes_without_the_token_but_not_without_an_origin(guarded: Running) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "x-a"}
    path = "/v1/chat/completions"
    allowed = guarded.client.options(path, headers={**asked, "origin": "https://app.example"})
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    assert allowed.headers["access-control-allow-headers"] == "x-a"
    assert guarded.client.options(path, headers=asked).status_code == 401
    foreign = guarded.client.options(path, headers={**asked, "origin": "https://evil.example"})
    assert foreign.status_code == 403


def test_refusals_speak_the_dialect_of_the_path(server: Running) -> None:
    host = {"host": "evil.example"}
    assert isinstance(server.post("/api/chat", {}, **host).json()["error"], str)
    assert server.post("/v1/messages", {}, **host).json()["type"] == "error"
    assert server.post("/v1/chat/completions", {}, **host).json()["error"]["code"] == "refused"


def test_a_rebound_name_does_not_pass_even_when_any_address_does() -> None:
    rules = AccessRules(ServerSettings(any_address=True, hosts=("box.local",)))
    for host in ("192.168.1.9:80", "[fe80::1]", "box.local", "10.0.0.1"):
        assert rules.knows_host(host), host
    for host in ("evil.example", "192.168.1.9.evil.example", "", ":80", "a b", "[::1"):
        assert not rules.knows_host(host), host


def test_two_hosts_are_none() -> None:
    headers = Headers(raw=[(b"host", b"localhost"), (b"host", b"evil.example")])
    with pytest.raises(Refused):
        AccessRules(ServerSettings()).admit(headers)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("localhost", "localhost"),
        ("a:80", "a"),
        ("[::1]:80", "::1"),
        ("a:b", None),
        ("[::1]x", None),
        ("[a]", None),
        ("", None),
        ("a:999999", None),
    ],
)
def test_host_names(value: str, name: str | None) -> None:
    assert host_name(value) == name


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com"])
def test_beyond_loopback_only_with_a_token(host: str) -> None:
    with pytest.raises(Refused, match="anyone who can reach"):
        check_exposure(host, "")
    check_exposure(host, "token")
    check_exposure("127.0.0.1", "")


def test_a_server_beyond_loopback_without_a_token_does_not_start() -> None:
    with pytest.raises(Refused), running(host="0.0.0.0"):
        pass


def test_a_web_socket_is_refused() -> None:
    application = create_application(ScriptedNode())
    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    async def receive() -> dict[str, object]:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/", "headers": [(b"host", b"evil.example")]}
    asyncio.run(application(scope, receive, send))  # type: ignore[arg-type]
    application.state.floor.close()
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_secrets_and_prompts_stay_out_of_log_and_metrics(
    guarded: Running, caplog: pytest.LogCaptureFixture
) -> None:
    token = {"authorization": "Bearer s3cret"}
    caplog.set_level(logging.DEBUG)
    prompt = {"model": "ember", "messages": [{"role": "user", "content": "my diary"}]}
    guarded.post("/v1/chat/completions?key=hidden", prompt, **token)
    guarded.post("/v1/chat/completions", {**prompt, "temperature": "my diary"}, **token)
    page = guarded.get("/metrics", **token).text
    records = [r for r in caplog.records if r.name.startswith(("ingle", "uvicorn"))]
    assert records
    for text in (page, *(record.getMessage() for record in records)):
        for secret in ("s3cret", "diary", "hidden"):
            assert secret not in text
    assert "s3cret" not in repr(ServerSettings(token="s3cret"))


def test_the_status_page_of_a_foreign_site_may_link_here(server: Running) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "accept": "text/html"}
    response: httpx.Response = server.get("/", **link)
    assert response.text == "ingle is running"
    assert server.client.head("/").status_code == 200


@pytest.mark.parametrize(
    ("origin", "entry"),
    [
        ("vscode-webview://0ab1c2d3e4f5", "vscode-webview://"),
        ("tauri://localhost", "tauri://localhost"),
        ("app://obsidian.md", "app://obsidian.md"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
    ],
)
def test_a_refused_program_is_told_the_setting_that_allows_it(
    server: Running, origin: str, entry: str
) -> None:
    error = server.get("/v1/models", origin=origin).json()["error"]
    assert error["hint"] == f"ingle config set clients {entry}"
    assert error["details"]["setting"] == "clients"
    with running(ServerSettings(clients=(entry, "host.docker.internal"))) as allowed:
        answer = allowed.get("/v1/models", origin=origin)
        assert answer.headers["access-control-allow-origin"] == origin
        asked = {"access-control-request-method": "POST", "origin": origin}
        assert allowed.client.options("/api/chat", headers=asked).status_code == 204
        assert allowed.get("/v1/models", host="host.docker.internal:11411").status_code == 200
        for foreign in ("https://evil.example", "evil://obsidian.md", "null", "vscode://x"):
            refused = allowed.get("/v1/models", origin=foreign)
            assert refused.status_code == 403
            assert "clients" in refused.json()["error"]["hint"]


def test_a_refused_host_name_is_told_the_setting_that_allows_it(guarded: Running) -> None:
    error = guarded.get("/api/tags", host="host.docker.internal:11411").json()
    assert "ingle config set clients host.docker.internal" in error["error"]
    with running(ServerSettings(clients=("tauri://localhost",))) as server:
        error = server.get("/v1/models", host="box.lan").json()["error"]
        assert error["hint"].endswith("ingle config set clients tauri://localhost,box.lan")


@pytest.mark.parametrize("entry", ["https://", "http://*", "*", "null://a b", "", "app:/x"])
def test_an_entry_that_means_nothing_or_everything_is_refused(entry: str) -> None:
    with pytest.raises(ConfigError, match="clients"):
        AccessRules(ServerSettings(clients=(entry,)))
