"""What every streamed answer keeps to, whatever a node sends."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given

from ingle.errors import WorkerDied
from ingle.operations import Event, Fold, Reasoning, Status, ToolCallPiece
from ingle.wire.anthropic.message_answer import MessageStream
from ingle.wire.dialect import EventStream
from ingle.wire.ollama.answer_stream import AnswerStream
from ingle.wire.openai import responses
from ingle.wire.openai.chat_answer import ChatStream
from ingle.wire.openai.completion_answer import CompletionStream
from ingle.wire.openai.response_object import AnswerStyle, frame
from ingle.wire.openai.response_stream import ResponseStream

from .events import answers

Chunk = dict[str, Any]


def written(stream: EventStream, events: list[Event]) -> bytes:
    return b"".join(stream.add(event) for event in events) + stream.end()


def data(raw: bytes) -> list[Chunk]:
    """The JSON of server-sent events, without ``[DONE]``; names must match types."""
    found = []
    *blocks, rest = raw.decode().split("\n\n")
    assert rest == ""
    for block in blocks:
        name, _, payload = block.rpartition("data: ")
        if payload == "[DONE]":
            continue
        chunk = json.loads(payload)
        if name:
            assert name == f"event: {chunk['type']}\n"
        found.append(chunk)
    return found


def chat_stream() -> ChatStream:
    return ChatStream(identifier="chatcmpl-1", created=5, model="asked", include_usage=True)


def test_progress_of_a_prompt_is_told_to_who_asks_for_it() -> None:
    asked = ChatStream(identifier="chatcmpl-1", created=5, model="asked", progress=True)
    (chunk,) = data(asked.add(Status(state="prompt", completed=512, total=2000)))
    assert chunk["choices"] == []
    assert chunk["prompt_progress"] == {"total": 2000, "processed": 512}
    assert asked.add(Status(state="prompt")) == b""
    assert asked.add(Status(state="loading", detail="ember")) == b""
    assert chat_stream().add(Status(state="prompt", completed=512, total=2000)) == b""


@given(answers(choices=3))
def test_chat(events: list[Event]) -> None:
    raw = written(chat_stream(), events)
    assert raw.endswith(b"data: [DONE]\n\n")
    *chunks, last = data(raw)
    assert {(c["id"], c["created"], c["model"]) for c in chunks} == {("chatcmpl-1", 5, "ember")}
    assert last["choices"] == []
    assert last["usage"]["prompt_tokens_details"]["cached_tokens"] == 2
    folded = fold(events)
    for choice in folded.choices:
        mine = [c["choices"][0] for c in chunks if c["choices"][0]["index"] == choice.index]
        deltas = [c["delta"] for c in mine]
        assert deltas[0] == {"role": "assistant", "content": ""}
        assert all("role" not in delta for delta in deltas[1:])
        assert "".join(d.get("content", "") for d in deltas) == choice.text
        assert "".join(d.get("reasoning_content", "") for d in deltas) == choice.reasoning
        assert [c["finish_reason"] for c in mine[:-1]] == [None] * (len(mine) - 1)
        if choice.tool_calls and choice.finish != "length":
            assert mine[-1]["finish_reason"] == "tool_calls"
        calls: dict[int, Chunk] = {}
        for delta in deltas:
            for piece in delta.get("tool_calls", ()):
                known = calls.setdefault(piece["index"], piece)
                if known is not piece:
                    assert set(piece) == {"index", "function"}
                    assert set(piece["function"]) == {"arguments"}
                    known["function"]["arguments"] += piece["function"]["arguments"]
        for at, call in enumerate(choice.tool_calls):
            assert calls[at]["id"] == call.id
            assert calls[at]["type"] == "function"
            assert calls[at]["function"]["name"] == call.name
            assert (calls[at]["function"]["arguments"] or "{}") == call.arguments


@given(answers(choices=2))
def test_completions(events: list[Event]) -> None:
    stream = CompletionStream(identifier="c", created=5, model="m", n=2, offsets=[0, 0])
    stream.at = 1
    raw = written(stream, [e for e in events if not isinstance(e, ToolCallPiece | Reasoning)])
    for choice in fold(events).choices:
        mine = [c["choices"][0] for c in data(raw)]
        mine = [c for c in mine if c["index"] == 2 + choice.index]
        assert "".join(c["text"] for c in mine) == choice.text
        assert mine[-1]["finish_reason"] is not None


def response_stream(request: responses.ResponsesRequest) -> ResponseStream:
    base = frame(request, identifier="resp_1", created=5)
    return ResponseStream(base, AnswerStyle.of(request))


@given(answers())
def test_responses(events: list[Event]) -> None:
    request = responses.parse(b'{"input":"x"}', default_model="ember")
    stream = response_stream(request)
    chunks = data(written(stream, events))
    assert [c["sequence_number"] for c in chunks] == list(range(len(chunks)))
    kinds = [c["type"].removeprefix("response.") for c in chunks]
    assert kinds[:2] == ["created", "in_progress"]
    final = chunks[-1]["response"]
    assert kinds[-1] == final["status"]
    assert kinds.count("output_item.added") == kinds.count("output_item.done")
    done = [c["item"] for c in chunks if c["type"] == "response.output_item.done"]
    texts: dict[str, str] = {}
    for chunk in chunks:
        if chunk["type"].endswith(".delta"):
            texts[chunk["item_id"]] = texts.get(chunk["item_id"], "") + chunk["delta"]
    assert [item["status"] for item in done] == ["completed"] * (len(done) - 1) + [final["status"]]
    for item in done:
        said = item.get("arguments") or "".join(p["text"] for p in item.get("content", ()))
        assert said == (texts.get(item["id"]) or said)
    assert final["output"] == done


@given(answers())
def test_anthropic(events: list[Event]) -> None:
    chunks = data(written(MessageStream(identifier="msg_1", model="m"), events))
    kinds = [c["type"] for c in chunks]
    assert kinds[:2] == ["message_start", "ping"]
    assert kinds[-2:] == ["message_delta", "message_stop"]
    open_block = None
    text = thought = ""
    tools: list[Chunk] = []
    for chunk in chunks:
        match chunk["type"]:
            case "content_block_start":
                assert open_block is None
                open_block = chunk["index"]
                if chunk["content_block"]["type"] == "tool_use":
                    tools.append({**chunk["content_block"], "json": ""})
            case "content_block_delta":
                assert chunk["index"] == open_block
                delta = chunk["delta"]
                text += delta.get("text", "")
                thought += delta.get("thinking", "")
                if tools:
                    tools[-1]["json"] += delta.get("partial_json", "")
            case "content_block_stop":
                assert chunk["index"] == open_block
                open_block = None
    assert open_block is None
    choice = fold(events).choices[0]
    assert (text, thought) == (choice.text, choice.reasoning)
    assert [t["name"] for t in tools] == [c.name for c in choice.tool_calls]
    assert [t["json"] or "{}" for t in tools] == [c.arguments for c in choice.tool_calls]
    if tools and choice.finish == "stop":
        assert chunks[-2]["delta"]["stop_reason"] == "tool_use"


@given(answers())
def test_ollama(events: list[Event]) -> None:
    choice = fold(events).choices[0]
    for route in ("chat", "generate"):
        if route == "generate" and choice.tool_calls:
            continue
        stream = AnswerStream(route=route, model="m", now=lambda: "now")  # type: ignore[arg-type]
        lines = [json.loads(line) for line in written(stream, events).splitlines()]
        assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
        bodies = [line["message"] if route == "chat" else line for line in lines]
        key = "content" if route == "chat" else "response"
        assert "".join(body[key] for body in bodies) == choice.text
        assert "".join(body.get("thinking", "") for body in bodies) == choice.reasoning
        calls = [call for body in bodies for call in body.get("tool_calls", ())]
        assert [c["function"]["name"] for c in calls] == [c.name for c in choice.tool_calls]
        assert all(isinstance(c["function"]["arguments"], dict) for c in calls)
        assert lines[-1]["total_duration"] == 500_000_000


def test_a_break_in_the_middle_is_told_in_each_dialect() -> None:
    error = WorkerDied("it died")
    request = responses.parse(b"{}", default_model="ember")
    assert data(chat_stream().fail(error))[0]["error"]["code"] == "worker_died"
    failed = response_stream(request).fail(error)
    assert data(failed)[0]["response"]["error"]["message"] == "it died"
    anthropic = data(MessageStream(identifier="m", model="m").fail(error))[0]
    assert (anthropic["type"], anthropic["error"]["type"]) == ("error", "api_error")
    ollama = AnswerStream(route="chat", model="m", now=lambda: "now").fail(error)
    assert json.loads(ollama)["error"] == "it died"


def fold(events: list[Event]) -> Any:
    found = Fold()
    for event in events:
        found.add(event)
    return found.result()
