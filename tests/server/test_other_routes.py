"""Routes that no official client of ours drives, and bugs that no route expects."""

from __future__ import annotations

import pytest

from ingle.operations import Operation

from .running import Running


def test_rerank_for_both_families_of_clients(server: Running) -> None:
    body = {"model": "minilm", "query": "q", "documents": ["a", "abc", "ab"], "top_n": 2}
    for path in ("/v1/rerank", "/v2/rerank", "/rerank"):
        found = server.post(path, {**body, "return_documents": True}).json()
        assert found["results"] == [
            {"index": 1, "relevance_score": 3.0, "document": {"text": "abc"}},
            {"index": 2, "relevance_score": 2.0, "document": {"text": "ab"}},
        ]
        assert found["usage"]["total_tokens"] == 9
    assert "document" not in server.post("/v1/rerank", body).json()["results"][0]


def test_tokens_there_and_back(server: Running) -> None:
    found = server.post("/v1/tokenize", {"model": "ember", "content": "one two"}).json()
    assert found == {"tokens": [0, 1], "count": 2, "text": "one two"}
    turns = [{"role": "user", "content": "one two three"}]
    assert server.post("/tokenize", {"model": "ember", "messages": turns}).json()["count"] == 3
    back = server.post("/v1/detokenize", {"model": "ember", "tokens": [1, 2]}).json()
    assert back == {"content": "1 2", "prompt": "1 2"}


def test_several_prompts_fail_as_one(server: Running) -> None:
    body = {"model": "missing", "prompt": ["a", "b", "c"]}
    for stream in (False, True):
        response = server.post("/v1/completions", {**body, "stream": stream})
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "model_not_found"


def test_the_usage_of_several_prompts_is_their_sum(server: Running) -> None:
    body = {"model": "ember", "prompt": ["a", "b", "c"]}
    assert server.post("/v1/completions", body).json()["usage"]["total_tokens"] == 27


def test_models_are_deleted_by_their_owner(fresh: Running) -> None:
    name = "hf.co/acme/Tiny-GGUF:Q4_K_M"
    assert fresh.client.delete(f"/v1/models/{name}").json()["deleted"] is True
    assert name not in fresh.node.names
    assert fresh.client.delete(f"/v1/models/{name}").status_code == 404


def test_a_request_id_of_the_client_is_kept_if_it_is_sane(server: Running) -> None:
    assert server.get("/", **{"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
    odd = server.get("/", **{"x-request-id": "a b" + "c" * 100}).headers["x-request-id"]
    assert odd.startswith("req_")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
        ("/v1/messages", {"messages": [{"role": "user", "content": "x"}]}),
        ("/api/chat", {"messages": [{"role": "user", "content": "x"}]}),
        ("/v1/completions", {"prompt": ["a", "b"]}),
    ],
)
def test_a_bug_is_a_500_in_the_dialect_and_tells_nothing(
    fresh: Running, path: str, body: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(operation: Operation) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(fresh.node, "perform", broken)
    response = fresh.post(path, {"model": "ember", **body})
    assert response.status_code == 500
    assert "error" in response.json()
    assert "secret detail" not in response.text
    assert fresh.get("/healthz").status_code == 200
    assert fresh.get("/metrics").status_code == 500
