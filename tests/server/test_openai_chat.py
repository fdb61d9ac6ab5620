"""The chat route over real HTTP: shapes, streams and failures."""

from __future__ import annotations

import json

import httpx

from .running import Running

ASK = {"model": "ember", "messages": [{"role": "user", "content": "hello"}]}


def ask(text: str, **more: object) -> dict[str, object]:
    return {"model": "ember", "messages": [{"role": "user", "content": text}], **more}


def chunks(response: httpx.Response) -> list[dict[str, object] | str]:
    found: list[dict[str, object] | str] = []
    for line in response.text.split("\n\n"):
        if line:
            assert line.startswith("data: ")
            payload = line.removeprefix("data: ")
            found.append(payload if payload == "[DONE]" else json.loads(payload))
    return found


def test_whole_answer(server: Running) -> None:
    response = server.post("/v1/chat/completions", ASK)
    body = response.json()
    assert response.status_code == 200
    assert response.headers["x-request-id"].startswith("req_")
    assert body["object"] == "chat.completion"
    assert body["choices"][0]["message"]["content"] == "Hello, wide world!"
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"]["total_tokens"] == 17
    assert body["usage"]["prompt_tokens_details"] == {"cached_tokens": 8}
    assert body["ingle"]["where"] == "local"


def test_stream(server: Running) -> None:
    asked = ask("hello", stream=True, stream_options={"include_usage": True})
    response = server.post("/v1/chat/completions", asked)
    assert response.headers["content-type"].startswith("text/event-stream")
    *found, done = chunks(response)
    assert done == "[DONE]"
    assert len({(c["id"], c["created"], c["model"], c["object"]) for c in found}) == 1
    assert found[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in found[1:-1])
    assert text == "Hello, wide world!"
    assert found[-2]["choices"][0] == {
        "index": 0,
        "delta": {},
        "logprobs": None,
        "finish_reason": "stop",
    }
    assert found[-1]["choices"] == []
    assert found[-1]["usage"]["completion_tokens"] == 5
    assert all(chunk["usage"] is None for chunk in found[:-1])


def test_break_in_the_middle_ends_with_an_error_chunk(server: Running) -> None:
    *_, last = chunks(server.post("/v1/chat/completions", ask("break", stream=True)))
    assert last["error"]["code"] == "worker_died"


def test_failure_before_the_first_piece_has_its_true_status(server: Running) -> None:
    for stream in (False, True):
        response = server.post("/v1/chat/completions", ask("overflow", stream=stream))
        assert response.status_code == 400
        error = response.json()["error"]
        assert error["code"] == "context_length_exceeded"
        assert error["details"] == {"prompt_tokens": 5000, "context": 4096}
    response = server.post("/v1/chat/completions", {**ASK, "model": "missing/one:x"})
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"
    busy = server.post("/v1/chat/completions", ask("busy"))
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")


def test_bad_fields_are_named(server: Running) -> None:
    for body, param in (
        ({"model": "ember"}, "messages"),
        (ask("x", temperature="hot"), "temperature"),
        (ask("x", temperature=-1), "temperature"),
        (ask("x", max_tokens=-5), "max_tokens"),
        (ask("x", max_completion_tokens=10**30), "max_completion_tokens"),
        (ask("x", n=0), "n"),
        (ask("x", stop=["a"] * 17), "stop"),
        (ask("x", logit_bias={"12": 101}), "logit_bias[...]"),
        (ask("x", tool_choice="perhaps"), "tool_choice"),
        (ask("x", reasoning_effort="huge"), "reasoning_effort"),
        (ask("x", seed=2**70), "seed"),
        (ask("x", num_ctx=-1), "num_ctx"),
        (ask("x", top_logprobs=3), "top_logprobs"),
        (ask("x", response_format={"type": "yaml"}), "response_format.type"),
    ):
        response = server.post("/v1/chat/completions", body)
        assert response.status_code == 400, body
        assert response.json()["error"]["param"] == param, response.text


def test_models_with_slashes_and_colons(server: Running) -> None:
    names = [model["id"] for model in server.get("/v1/models").json()["data"]]
    for name in names:
        assert server.get(f"/v1/models/{name}").json()["id"] == name
    missing = server.get("/v1/models/missing/a:b")
    assert missing.json()["error"]["code"] == "model_not_found"


def test_embeddings(server: Running) -> None:
    body = {"model": "minilm", "input": ["one", "two"]}
    numbers = server.post("/v1/embeddings", body).json()
    assert numbers["data"][1] == {"object": "embedding", "index": 1, "embedding": [1.5] * 4}
    coded = server.post("/v1/embeddings", {**body, "encoding_format": "base64"}).json()
    assert coded["data"][0]["embedding"] == "AAAAPwAAAD8AAAA/AAAAPw=="
    assert coded["usage"] == {"prompt_tokens": 6, "total_tokens": 6}


def test_unknown_path_and_method(server: Running) -> None:
    assert server.get("/v1/nothing").json()["error"]["code"] == "not_found"
    refused = server.get("/v1/chat/completions")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
