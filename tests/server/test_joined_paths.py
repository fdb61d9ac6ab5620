"""Requests as clients put them together: joined addresses, marks before the JSON, other methods."""

from __future__ import annotations

import json

import pytest

from ingle.server.request_path import meant
from ingle.server.settings import ServerSettings

from .running import Running, running

TURNS = [{"role": "user", "content": "hello"}]
CHAT = {"model": "ember", "messages": TURNS, "stream": False}


@pytest.mark.parametrize(
    "path",
    [
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/v1/chat/completions/",
        "//v1//messages//",
        "//api/chat",
        "/api/chat/",
    ],
)
def test_slashes_too_many_change_nothing(server: Running, path: str) -> None:
    response = server.client.post(f"{server.address.url}{path}", json=CHAT)
    assert response.status_code == 200, response.text
    assert "Hello, wide world!" in response.text


def test_a_model_is_found_with_a_slash_too_many(server: Running) -> None:
    name = "hf.co/acme/Tiny-GGUF:Q4_K_M"
    for path in (f"//v1/models/{name}", f"/v1/models/{name}/"):
        assert server.client.get(f"{server.address.url}{path}").json()["id"] == name


def test_an_address_in_a_name_keeps_its_slashes() -> None:
    assert meant("/v1/models/https://a.example//b/") == "/v1/models/https://a.example/b"
    assert meant("///") == "/"


def test_health_needs_no_token_with_a_slash_too_many_and_all_else_does() -> None:
    with running(ServerSettings(token="s3cret")) as server:
        for path, status in (("//healthz", 200), ("/healthz/", 200), ("//v1/models", 401)):
            assert server.client.get(f"{server.address.url}{path}").status_code == status, path


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/api/chat"])
def test_a_byte_order_mark_is_passed_over(server: Running, path: str) -> None:
    for mark in (b"", b"\xef\xbb\xbf"):
        response = server.client.post(path, content=mark + json.dumps(CHAT).encode())
        assert response.status_code == 200, response.text


def test_another_method_is_refused_in_the_dialects_shape(server: Running) -> None:
    for path in ("/v1/chat/completions", "/v1/embeddings", "/v1/responses"):
        response = server.get(path)
        assert (response.status_code, response.headers["allow"]) == (405, "POST")
        error = response.json()["error"]
        assert (error["type"], error["code"]) == ("invalid_request_error", "method_not_allowed")
    response = server.get("/v1/messages")
    assert response.status_code == 405
    assert response.json()["type"] == "error"
    assert response.json()["error"]["type"] == "invalid_request_error"
    response = server.get("/api/chat/")
    assert response.status_code == 405
    assert "GET is not allowed here" in response.json()["error"]


def test_a_path_that_is_not_there_is_told_in_the_clients_shape(server: Running) -> None:
    version = {"anthropic-version": "2023-06-01"}
    found = server.post("/v1/complete", {}, **version)
    assert (found.status_code, found.json()["error"]["type"]) == (404, "not_found_error")
    assert server.post("/v1/complete", {}).json()["error"]["type"] == "invalid_request_error"
    assert isinstance(server.post("/api/none", {}).json()["error"], str)
