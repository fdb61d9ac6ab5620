"""Items that clients send back, as messages of the conversation."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ingle.capabilities.chat.operation import Chat
from ingle.operations import ImagePart, Message

from .running import Running

PICTURE = base64.b64encode(b"\x89PNG").decode()


def told(server: Running, *items: dict[str, Any]) -> list[Message]:
    """What the model is told between two turns of the user."""
    user = {"role": "user", "content": "x"}
    answer = server.post("/v1/responses", {"input": [user, *items, user]})
    assert answer.status_code == 200, answer.text
    operation = server.node.performed[-1]
    assert isinstance(operation, Chat)
    return operation.messages[1:-1]


@pytest.mark.parametrize(
    ("call", "name", "arguments"),
    [
        (
            {"type": "function_call", "name": "search", "namespace": "crm", "arguments": '{"q":1}'},
            "crm__search",
            '{"q":1}',
        ),
        (
            {"type": "custom_tool_call", "name": "apply_patch", "input": "*** é"},
            "apply_patch",
            '{"input":"*** é"}',
        ),
        (
            {
                "type": "local_shell_call",
                "id": "lsh_1",
                "status": "completed",
                "action": {"type": "exec", "command": ["ls"], "env": {}},
            },
            "local_shell",
            '{"command":["ls"]}',
        ),
        (
            {"type": "shell_call", "action": {"commands": ["ls"], "timeout_ms": None}},
            "shell",
            '{"commands":["ls"]}',
        ),
        (
            {
                "type": "apply_patch_call",
                "status": "completed",
                "operation": {"type": "update_file", "path": "a", "diff": "+b"},
            },
            "apply_patch",
            '{"type":"update_file","path":"a","diff":"+b"}',
        ),
        (
            {
                "type": "computer_call",
                "id": "cu_1",
                "status": "completed",
                "pending_safety_checks": [],
                "action": {"type": "click", "x": 1, "y": 2, "button": "left"},
            },
            "computer",
            '{"type":"click","x":1,"y":2,"button":"left"}',
        ),
    ],
)
def test_calls(server: Running, call: dict[str, Any], name: str, arguments: str) -> None:
    (message,) = told(server, {"call_id": "c", **call})
    (found,) = message.tool_calls
    assert (found.id, found.name, found.arguments) == ("c", name, arguments)


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ({"type": "function_call_output", "output": "42"}, "42"),
        (
            {"type": "custom_tool_call_output", "output": [{"type": "input_text", "text": "ok"}]},
            "ok",
        ),
        ({"type": "local_shell_call_output", "output": '{"output":"a"}'}, '{"output":"a"}'),
        (
            {
                "type": "shell_call_output",
                "output": [
                    {"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}
                ],
            },
            '[{"stdout":"a","stderr":"","outcome":{"type":"exit","exit_code":0}}]',
        ),
        ({"type": "apply_patch_call_output", "status": "failed", "output": "no"}, "failed\nno"),
    ],
)
def test_outputs(server: Running, output: dict[str, Any], text: str) -> None:
    (message,) = told(server, {"call_id": "c", **output})
    assert (message.role, message.tool_call_id, message.text) == ("tool", "c", text)


def test_a_screenshot_is_a_picture(server: Running) -> None:
    shot = {"type": "computer_screenshot", "image_url": f"data:image/png;base64,{PICTURE}"}
    (message,) = told(server, {"type": "computer_call_output", "call_id": "c", "output": shot})
    assert message.content == [ImagePart(data=b"\x89PNG")]


def test_what_hosted_tools_found_elsewhere_is_told(server: Running) -> None:
    found = {"type": "file_search_call", "id": "fs", "status": "completed", "queries": ["q"]}
    results = [{"filename": "a.md", "text": "words", "score": 0.9}]
    calling, answer = told(server, {**found, "results": results})
    assert calling.tool_calls[0].arguments == '{"queries":["q"]}'
    assert "words" in answer.text
    run = {"type": "code_interpreter_call", "id": "ci", "container_id": "c", "code": "1+1"}
    calling, answer = told(server, {**run, "outputs": [{"type": "logs", "logs": "2"}]})
    assert "2" in answer.text
    mcp = {"type": "mcp_call", "id": "m", "server_label": "s", "name": "ask", "arguments": "{}"}
    calling, answer = told(server, {**mcp, "output": "said"})
    assert (calling.tool_calls[0].name, answer.text) == ("ask", "said")


@pytest.mark.parametrize(
    "item",
    [
        {
            "type": "web_search_call",
            "id": "ws",
            "status": "completed",
            "action": {"type": "search"},
        },
        {"type": "image_generation_call", "id": "ig", "status": "completed", "result": PICTURE},
        {"type": "mcp_list_tools", "id": "l", "server_label": "s", "tools": []},
        {"type": "mcp_approval_request", "id": "r", "arguments": "{}", "name": "n"},
        {"type": "mcp_approval_response", "approval_request_id": "r", "approve": True},
        {"type": "tool_search_call", "execution": "server", "arguments": {}},
        {"type": "of_another_year", "anything": [1]},
    ],
)
def test_items_that_tell_the_model_nothing_are_passed_over(
    server: Running, item: dict[str, Any]
) -> None:
    assert told(server, item) == []


def test_reasoning_that_the_client_carries_comes_back(server: Running) -> None:
    body = {"input": "hi", "reasoning": {"effort": "high"}, "store": False}
    include = {"include": ["reasoning.encrypted_content"]}
    assert "encrypted_content" not in server.post("/v1/responses", body).json()["output"][0]
    sealed = server.post("/v1/responses", {**body, **include}).json()["output"][0]
    carried = {"type": "reasoning", "id": sealed["id"], "summary": [], "content": None}
    (message,) = told(server, {**carried, "encrypted_content": sealed["encrypted_content"]})
    assert message.reasoning == "Let me see."
    (other,) = told(server, {**carried, "encrypted_content": "gAAAA-of-another-server"})
    assert other.reasoning == ""


def test_a_compaction_is_made_and_read(server: Running) -> None:
    turns = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
    answer = server.post("/v1/responses/compact", {"model": "ember", "input": turns}).json()
    chat = server.node.performed[-1]
    assert isinstance(chat, Chat)
    assert [m.text for m in chat.messages[:2]] == ["one", "two"]
    assert answer["object"] == "response.compaction"
    assert answer["usage"]["total_tokens"] == 17
    said, compaction = answer["output"]
    assert said["content"] == [{"type": "input_text", "text": "one"}]
    (message,) = told(server, compaction)
    assert (message.role, message.text.splitlines()[-1]) == ("user", "Hello, wide world!")


def test_a_compaction_in_the_middle_of_an_answer_is_refused(server: Running) -> None:
    items = [{"role": "user", "content": "x"}, {"type": "compaction_trigger"}]
    answer = server.post("/v1/responses", {"input": items})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "input[1]"
    assert answer.json()["error"]["hint"] == "POST /v1/responses/compact"


def test_a_compaction_of_another_server_is_noted(server: Running) -> None:
    item = {"type": "compaction", "id": "cmp", "encrypted_content": "gAAAA"}
    body = {"input": [item, {"role": "user", "content": "x"}]}
    answer = server.post("/v1/responses", body).json()
    assert answer["ingle"]["notes"] == [
        "input[0]: this compaction was made elsewhere; it was left out"
    ]


def test_a_file_of_text_is_read_and_a_pdf_is_refused(server: Running) -> None:
    def asked(data: bytes) -> dict[str, Any]:
        url = f"data:text/plain;base64,{base64.b64encode(data).decode()}"
        part = {"type": "input_file", "filename": "a.txt", "file_data": url}
        return {"role": "user", "content": [part]}

    (message,) = told(server, {"role": "assistant", "content": "y"}, asked(b"words"))[1:]
    assert "<title>a.txt</title>\nwords" in message.text
    refused = server.post("/v1/responses", {"input": [asked(b"%PDF\xff\xfe")]})
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "input[0].content[0].file_data"
    part = {"type": "input_file", "file_id": "file-1"}
    refused = server.post("/v1/responses", {"input": [{"role": "user", "content": [part]}]})
    assert refused.json()["error"]["param"] == "input[0].content[0].file_id"
    assert "OpenAI" not in refused.text


@pytest.mark.parametrize("stream", [False, True])
def test_what_the_node_finds_wrong_is_named_as_the_client_wrote_it(
    server: Running, stream: bool
) -> None:
    answer = server.post("/v1/responses", {"input": "picture", "stream": stream})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "input.content.image"
