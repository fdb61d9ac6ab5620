"""Responses that are answered without their client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ingle.server.settings import ServerSettings
from tests.waiting import eventually

from .running import Running, running

BACKGROUND = {"model": "ember", "background": True}


def ended(server: Running, identifier: str) -> dict[str, Any]:
    """The response once it is no longer being answered."""
    found: dict[str, Any] = {}

    def look() -> bool:
        found.update(server.get(f"/v1/responses/{identifier}").json())
        return found["status"] not in {"queued", "in_progress"}

    eventually(look)
    return found


def events(text: str) -> list[dict[str, Any]]:
    lines = [line for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def test_it_is_queued_answered_and_kept(server: Running) -> None:
    first = server.post("/v1/responses", {**BACKGROUND, "input": "hi"}).json()
    assert (first["status"], first["background"], first["output"]) == ("queued", True, [])
    found = ended(server, first["id"])
    assert found["status"] == "completed"
    assert found["output"][0]["content"][0]["text"] == "Hello, wide world!"
    body = {"input": "more", "previous_response_id": first["id"]}
    assert server.post("/v1/responses", body).status_code == 200
    assert len(server.node.performed[-1].messages) == 3  # type: ignore[attr-defined]


def test_its_events_are_streamed_again_from_any_of_them(server: Running) -> None:
    body = {**BACKGROUND, "input": "hi", "stream": True}
    first = events(server.post("/v1/responses", body).text)
    kinds = [event["type"].removeprefix("response.") for event in first]
    assert kinds[:3] == ["created", "queued", "in_progress"]
    assert kinds[-1] == "completed"
    assert [event["sequence_number"] for event in first] == list(range(len(first)))
    path = f"/v1/responses/{first[0]['response']['id']}"
    assert events(server.get(f"{path}?stream=true").text) == first
    assert events(server.get(f"{path}?stream=true&starting_after=4").text) == first[5:]
    assert server.get(f"{path}?stream=true&starting_after=x").status_code == 400


def test_it_goes_on_when_its_client_leaves_and_ends_when_cancelled(server: Running) -> None:
    body = {**BACKGROUND, "input": "forever", "stream": True}
    with server.client.stream("POST", "/v1/responses", json=body) as answer:
        lines = answer.iter_lines()
        created = json.loads(next(line for line in lines if line.startswith("data: "))[6:])
        assert any("output_text.delta" in line for line in lines)
    identifier = created["response"]["id"]
    assert server.get(f"/v1/responses/{identifier}").json()["status"] == "in_progress"
    with server.client.stream("GET", f"/v1/responses/{identifier}?stream=true") as answer:
        assert any("output_text.delta" in line for line in answer.iter_lines())
    refused = server.post("/v1/responses", {"input": "x", "previous_response_id": identifier})
    assert refused.json()["error"]["param"] == "previous_response_id"
    active = server.node.active
    cancelled = server.post(f"/v1/responses/{identifier}/cancel", {}).json()
    assert cancelled["status"] == "cancelled"
    eventually(lambda: server.node.active < active)
    assert server.post(f"/v1/responses/{identifier}/cancel", {}).json() == cancelled
    assert server.get(f"/v1/responses/{identifier}").json() == cancelled
    assert server.client.delete(f"/v1/responses/{identifier}").json()["deleted"] is True
    assert server.get(f"/v1/responses/{identifier}").status_code == 404


def test_a_failure_is_told_later(server: Running) -> None:
    first = server.post("/v1/responses", {**BACKGROUND, "input": "break"}).json()
    found = ended(server, first["id"])
    assert (found["status"], found["error"]["ingle_code"]) == ("failed", "worker_died")
    again = events(server.get(f"/v1/responses/{first['id']}?stream=true").text)
    assert again[-1]["type"] == "response.failed"


def test_only_background_responses_are_cancelled_or_streamed_again(server: Running) -> None:
    identifier = server.post("/v1/responses", {"input": "hi"}).json()["id"]
    for answer in (
        server.post(f"/v1/responses/{identifier}/cancel", {}),
        server.get(f"/v1/responses/{identifier}?stream=true"),
    ):
        assert answer.status_code == 400
        assert "not running in the background" in answer.json()["error"]["message"]
    assert server.post("/v1/responses/resp_none/cancel", {}).status_code == 404
    assert server.get("/v1/responses/resp_none?stream=true").status_code == 404


def test_what_a_stopped_server_was_answering_has_failed(tmp_path: Path) -> None:
    settings = ServerSettings(state_dir=tmp_path)
    with running(settings) as server:
        identifier = server.post("/v1/responses", {**BACKGROUND, "input": "forever"}).json()["id"]
    with running(settings) as server:
        found = server.get(f"/v1/responses/{identifier}").json()
        assert (found["status"], found["error"]["ingle_code"]) == ("failed", "cancelled")
        cancelled = server.post(f"/v1/responses/{identifier}/cancel", {}).json()
        assert cancelled["status"] == "failed"
