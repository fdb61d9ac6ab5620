"""What an answer's text is made of, on the wire, before a real node: stops and tokens."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.clients

QUESTION = "What does grep -i do?"
TURNS = [{"role": "user", "content": QUESTION}]
PATHS = ["/v1/chat/completions", "/v1/completions", "/v1/messages", "/api/chat", "/api/generate"]


def body(path: str, *, most: int, stop: str | None = None, **more: Any) -> dict[str, Any]:
    """The request of the same answer in each dialect; the most likely tokens."""
    found: dict[str, Any] = {"model": "ember", **more}
    prompted = path in {"/v1/completions", "/api/generate"}
    found |= {"prompt": QUESTION} if prompted else {"messages": TURNS}
    if path.startswith("/api"):
        options: dict[str, Any] = {"temperature": 0, "num_predict": most}
        found["options"] = options | ({"stop": [stop]} if stop else {})
        return {"stream": False, **found}
    found |= {"temperature": 0, "max_tokens": most}
    if stop:
        found |= {"stop_sequences": [stop]} if path == "/v1/messages" else {"stop": stop}
    return found


def post(real: str, path: str, asked: dict[str, Any]) -> Any:
    response = httpx.post(f"{real}{path}", json=asked, timeout=60)
    assert response.status_code == 200, response.text
    return response.json()


def text_of(path: str, answer: Any) -> str:
    match path:
        case "/v1/chat/completions":
            found = answer["choices"][0]["message"]["content"]
        case "/v1/completions":
            found = answer["choices"][0]["text"]
        case "/v1/messages":
            found = answer["content"][0]["text"]
        case "/api/chat":
            found = answer["message"]["content"]
        case _:
            found = answer["response"]
    assert isinstance(found, str)
    return found


def reason_of(path: str, answer: Any) -> Any:
    if path.startswith("/api"):
        return answer["done_reason"]
    return (
        answer["stop_reason"] if path == "/v1/messages" else answer["choices"][0]["finish_reason"]
    )


@pytest.mark.parametrize("path", PATHS)
def test_what_may_begin_a_stop_is_given_out_where_the_length_ends_it(real: str, path: str) -> None:
    free = text_of(path, post(real, path, body(path, most=10)))
    begun = free[-3:] + " and never this"
    answer = post(real, path, body(path, most=10, stop=begun))
    assert text_of(path, answer) == free
    assert reason_of(path, answer) in {"length", "max_tokens"}


@pytest.mark.parametrize("path", PATHS)
def test_a_stop_ends_the_text_and_is_not_part_of_it(real: str, path: str) -> None:
    free = text_of(path, post(real, path, body(path, most=30)))
    stop = free[7:12]
    answer = post(real, path, body(path, most=30, stop=stop))
    assert text_of(path, answer) == free[: free.index(stop)]
    assert reason_of(path, answer) in {"stop", "stop_sequence"}
    if path == "/v1/messages":
        assert answer["stop_sequence"] == stop


def test_anthropic_streams_the_stop_sequence(real: str) -> None:
    free = text_of("/v1/messages", post(real, "/v1/messages", body("/v1/messages", most=30)))
    asked = body("/v1/messages", most=30, stop=free[7:12], stream=True)
    lines = httpx.post(f"{real}/v1/messages", json=asked, timeout=60).text.splitlines()
    found = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data:")]
    (end,) = [event["delta"] for event in found if event["type"] == "message_delta"]
    assert end == {"stop_reason": "stop_sequence", "stop_sequence": free[7:12]}


TOKENS = {
    "/v1/chat/completions": {"logprobs": True},
    "/v1/responses": {"include": ["message.output_text.logprobs"]},
    "/api/chat": {"logprobs": True},
    "/api/generate": {"logprobs": True},
}


def tokens_of(path: str, answer: Any) -> tuple[str, list[dict[str, Any]]]:
    """The text of an answer, and its tokens."""
    if path == "/v1/responses":
        part = answer["output"][-1]["content"][0]
        return part["text"], part["logprobs"]
    found = answer if path.startswith("/api") else answer["choices"][0]
    tokens = found["logprobs"]
    return text_of(path, answer), tokens if path.startswith("/api") else tokens["content"]


@pytest.mark.parametrize("path", TOKENS)
def test_tokens_are_told_without_rivals_and_are_the_text(real: str, path: str) -> None:
    if path == "/v1/responses":
        asked: dict[str, Any] = {"model": "ember", "input": QUESTION, "max_output_tokens": 12}
    else:
        asked = body(path, most=12)
    text, tokens = tokens_of(path, post(real, path, {**asked, **TOKENS[path]}))
    assert "".join(token["token"] for token in tokens) == text != ""
    assert bytes(byte for token in tokens for byte in token["bytes"]).decode() == text
    assert all(token["logprob"] <= 0 and token["top_logprobs"] == [] for token in tokens)


@pytest.mark.parametrize("word", ["a < b </thin", "é😀 ü"])
def test_streamed_tokens_are_the_text_up_to_a_stop(real: str, word: str) -> None:
    form = {"name": "a", "schema": {"const": f"{word}, stop here"}}
    asked = body("/v1/chat/completions", most=60, stop="top", stream=True)
    asked |= {"logprobs": True, "top_logprobs": 2}
    asked |= {"response_format": {"type": "json_schema", "json_schema": form}}
    lines = httpx.post(f"{real}/v1/chat/completions", json=asked, timeout=60).text.splitlines()
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    choices = [chunk["choices"][0] for chunk in chunks]
    text = "".join(choice["delta"].get("content", "") for choice in choices)
    tokens = [
        token for choice in choices for token in (choice["logprobs"] or {}).get("content", ())
    ]
    assert text == f'"{word}, s'
    assert "".join(token["token"] for token in tokens) == text
    assert all(len(token["top_logprobs"]) == 2 for token in tokens)
    assert choices[-1]["finish_reason"] == "stop"


def test_completions_tell_the_sampled_token_among_the_likely_ones(real: str) -> None:
    for logprobs in (0, 2):
        asked = body("/v1/completions", most=12, logprobs=logprobs, seed=5)
        asked |= {"temperature": 2, "top_k": 500}
        choice = post(real, "/v1/completions", asked)["choices"][0]
        told = choice["logprobs"]
        assert "".join(told["tokens"]) == choice["text"]
        rows = zip(told["tokens"], told["token_logprobs"], told["top_logprobs"], strict=True)
        for name, value, top in rows:
            assert top[name] == value
            assert logprobs <= len(top) <= logprobs + 1


PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3},
        "place": {
            "type": "object",
            "properties": {"city": {"enum": ["Rome"]}, "zip": {"type": "null"}},
            "required": ["city", "zip"],
            "additionalProperties": False,
        },
    },
    "required": ["name", "tags", "place"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("path", [*PATHS, "/v1/responses"])
def test_an_answer_by_schema_is_compact_json(real: str, path: str) -> None:
    form = {"type": "json_schema", "schema": PERSON}
    named = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
    match path:
        case "/v1/messages":
            asked = body(path, most=200, output_format=form)
        case "/v1/responses":
            asked = {"model": "ember", "input": QUESTION, "text": {"format": {"name": "p", **form}}}
        case "/v1/chat/completions" | "/v1/completions":
            asked = body(path, most=200, response_format=named)
        case _:
            asked = body(path, most=200, format=PERSON)
    answer = post(real, path, asked)
    if path == "/v1/responses":
        text = answer["output"][-1]["content"][0]["text"]
    else:
        text = text_of(path, answer)
    assert text == json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
    assert list(json.loads(text)) == ["name", "tags", "place"]


def test_a_stop_is_not_matched_against_reasoning(real: str) -> None:
    path = "/v1/chat/completions"
    asked = {"model": "ember", "content": "\n\n"}
    (blank_line,) = post(real, "/v1/tokenize", asked)["tokens"]
    # What ember ends its thought with, before it has one; without it, it thinks aloud.
    asked = body(path, most=14, logit_bias={blank_line: -100}, logprobs=True)
    free = post(real, path, asked)["choices"][0]["message"]
    stop = free["reasoning_content"]
    assert len(stop) > 3
    assert stop not in free["content"]
    choice = post(real, path, {**asked, "stop": stop})["choices"][0]
    assert choice["message"] == free
    assert choice["finish_reason"] == "length"
    tokens = choice["logprobs"]["content"]
    assert "".join(token["token"] for token in tokens) == free["content"]
