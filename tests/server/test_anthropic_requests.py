"""Requests of Anthropic's clients: documents, tools of all types, and what Claude Code sends."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ingle.capabilities.chat.operation import Chat
from ingle.operations import ImagePart, Message, TextPart

from .running import Running

PICTURE = base64.b64encode(b"\x89PNG").decode()
IMAGE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": PICTURE},
}
CACHED = {"cache_control": {"type": "ephemeral"}}
READ = {
    "name": "Read",
    "description": "Reads a file.",
    "input_schema": {"type": "object", "properties": {"file_path": {"type": "string"}}},
}


def asked(server: Running, **body: Any) -> dict[str, Any]:
    """The answer to a message."""
    turns = [{"role": "user", "content": "hi"}]
    answer = server.post(
        "/v1/messages", {"model": "ember", "max_tokens": 64, "messages": turns, **body}
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refused(server: Running, **body: Any) -> str:
    """The message of the error, in Anthropic's shape."""
    turns = [{"role": "user", "content": "hi"}]
    answer = server.post("/v1/messages", {"model": "ember", "messages": turns, **body})
    assert answer.status_code == 400, answer.text
    found = answer.json()
    assert (found["type"], found["error"]["type"]) == ("error", "invalid_request_error")
    message: str = found["error"]["message"]
    assert "Anthropic" not in message
    return message


def performed(server: Running) -> Chat:
    operation = server.node.performed[-1]
    assert isinstance(operation, Chat)
    return operation


def told(server: Running, role: str, *blocks: dict[str, Any]) -> list[Message]:
    """What the model is told of one turn."""
    end = {"role": "user", "content": "go"}
    asked(server, messages=[{"role": role, "content": [*blocks]}, end])
    return performed(server).messages[:-1]


def test_what_claude_code_sends(server: Running) -> None:
    answer = server.post(
        "/v1/messages?beta=true",
        {
            "model": "ember",
            "max_tokens": 32000,
            "stream": True,
            "system": [
                {"type": "text", "text": "You are Claude Code.", **CACHED},
                {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},
            ],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "hi", **CACHED}]},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                        {"type": "redacted_thinking", "data": "ZGF0YQ=="},
                        {
                            "type": "tool_use",
                            "id": "toolu_1",
                            "name": "Read",
                            "input": {"file_path": "/a"},
                            "caller": {"type": "direct"},
                        },
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "toolu_1",
                            "content": [{"type": "text", "text": "words"}, IMAGE],
                            **CACHED,
                        }
                    ],
                },
            ],
            "tools": [{**READ, **CACHED, "eager_input_streaming": True}],
            "tool_choice": {"type": "auto"},
            "thinking": {"type": "adaptive", "display": "summarized"},
            "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            "output_config": {"effort": "high"},
            "metadata": {"user_id": "user_1"},
            "service_tier": "auto",
            "speed": "standard",
            "betas": ["claude-code-20250219", "interleaved-thinking-2025-05-14"],
        },
        **{
            "anthropic-version": "2023-06-01",
            "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14",
            "x-app": "cli",
        },
    )
    assert answer.status_code == 200, answer.text
    chat = performed(server)
    assert [m.role for m in chat.messages] == ["system", "user", "assistant", "tool"]
    assert chat.messages[2].reasoning == "hm"
    assert chat.messages[3].content == [TextPart(text="words"), ImagePart(data=b"\x89PNG")]
    assert (chat.think, chat.think_budget, chat.max_tokens) == (True, None, 32000)
    lines = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    started = json.loads(lines[0].removeprefix("data: "))["message"]
    assert started["usage"]["input_tokens"] == 4
    assert started["usage"]["cache_read_input_tokens"] == 8
    assert started["ingle"]["notes"] == [
        "context_management: the conversation was used as it was sent"
    ]


def test_documents_of_text(server: Running) -> None:
    text = {"type": "text", "media_type": "text/plain", "data": "words"}
    (message,) = told(
        server,
        "user",
        {
            "type": "document",
            "source": text,
            "title": "A",
            "context": "of 2026",
            "citations": {"enabled": True},
            **CACHED,
        },
        {"type": "text", "text": "What is it about?"},
    )
    assert message.content == (
        "\n<document>\n<title>A</title>\n<context>of 2026</context>\nwords\n</document>\n"
        "What is it about?"
    )
    blocks = {"type": "content", "content": [{"type": "text", "text": "one"}, IMAGE]}
    (message,) = told(server, "user", {"type": "document", "source": blocks})
    assert isinstance(message.content, list)
    assert "one" in message.text
    assert message.content[-1] == ImagePart(data=b"\x89PNG")
    plain = {"type": "content", "content": "two"}
    assert "two" in told(server, "user", {"type": "document", "source": plain})[0].text


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ({"type": "base64", "media_type": "application/pdf", "data": PICTURE}, "source"),
        ({"type": "url", "url": "https://example.com/a.pdf"}, "source"),
        ({"type": "file", "file_id": "file_1"}, "source"),
    ],
)
def test_other_documents_are_refused(server: Running, source: dict[str, Any], field: str) -> None:
    turn = {"role": "user", "content": [{"type": "document", "source": source}]}
    assert refused(server, messages=[turn]).startswith(f"messages[0].content[0].{field}: ")


def test_search_results(server: Running) -> None:
    found = {
        "type": "search_result",
        "source": "https://example.com",
        "title": "A",
        "content": [{"type": "text", "text": "words"}],
        "citations": {"enabled": True},
    }
    text = "<source>https://example.com</source>\n<title>A</title>\nwords"
    assert text in told(server, "user", found)[0].text
    result = {"type": "tool_result", "tool_use_id": "t", "content": [found]}
    assert text in told(server, "user", result)[0].text


def test_a_result_of_all_kinds_of_blocks(server: Running) -> None:
    document = {"type": "document", "source": {"type": "content", "content": "words"}}
    reference = {"type": "tool_reference", "tool_name": "search_mail"}
    tabs = {"type": "browser_state", "tabs": [{"title": "A"}]}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [document, reference, tabs]}
    (message,) = told(server, "user", result)
    assert (message.role, message.tool_call_id) == ("tool", "t")
    for word in ("words", "search_mail", '"title":"A"'):
        assert word in message.text


@pytest.mark.parametrize(
    ("name", "kind", "content", "text"),
    [
        (
            "web_search",
            "web_search_tool_result",
            [
                {
                    "type": "web_search_result",
                    "title": "A",
                    "url": "https://example.com",
                    "encrypted_content": "xyz",
                    "page_age": None,
                }
            ],
            '[{"type":"web_search_result","title":"A","url":"https://example.com"}]',
        ),
        (
            "code_execution",
            "code_execution_tool_result",
            {"type": "code_execution_result", "stdout": "2", "stderr": "", "return_code": 0},
            '{"type":"code_execution_result","stdout":"2","stderr":"","return_code":0}',
        ),
        (
            "bash_code_execution",
            "bash_code_execution_tool_result",
            {"type": "bash_code_execution_tool_result_error", "error_code": "unavailable"},
            '{"type":"bash_code_execution_tool_result_error","error_code":"unavailable"}',
        ),
    ],
)
def test_what_server_tools_found_elsewhere(
    server: Running, name: str, kind: str, content: object, text: str
) -> None:
    found = told(
        server,
        "assistant",
        {"type": "text", "text": "Let me look."},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": name, "input": {"q": 1}},
        {"type": kind, "tool_use_id": "srvtoolu_1", "content": content},
        {"type": "text", "text": "So it is."},
    )
    assert [m.role for m in found] == ["assistant", "tool", "assistant"]
    assert found[0].text == "Let me look."
    assert found[0].tool_calls[0].name == name
    assert (found[1].tool_call_id, found[1].text) == ("srvtoolu_1", text)
    assert found[2].text == "So it is."


def test_mcp_calls_and_compactions_of_earlier(server: Running) -> None:
    found = told(
        server,
        "assistant",
        {"type": "compaction", "content": "We spoke of grep."},
        {"type": "mcp_tool_use", "id": "m", "name": "ask", "server_name": "s", "input": {}},
        {
            "type": "mcp_tool_result",
            "tool_use_id": "m",
            "is_error": False,
            "content": [{"type": "text", "text": "said"}],
        },
    )
    assert "We spoke of grep." in found[0].text
    assert "said" in found[1].text


@pytest.mark.parametrize(
    ("tool", "required", "fields"),
    [
        ({"type": "bash_20250124", "name": "bash"}, [], {"command", "restart"}),
        (
            {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
            ["command", "path"],
            {"command", "path", "file_text", "old_str", "new_str", "insert_line", "view_range"}
            | {"insert_text"},
        ),
        (
            {"type": "text_editor_20250124", "name": "str_replace_editor"},
            ["command", "path"],
            {"command", "path", "file_text", "old_str", "new_str", "insert_line", "view_range"},
        ),
        (
            {"type": "memory_20250818", "name": "memory"},
            ["command"],
            {"command", "path", "file_text", "old_str", "new_str", "insert_line", "view_range"}
            | {"insert_text", "old_path", "new_path"},
        ),
        (
            {
                "type": "computer_20251124",
                "name": "computer",
                "display_width_px": 1024,
                "display_height_px": 768,
                "enable_zoom": True,
            },
            ["action"],
            {"action", "coordinate", "text", "start_coordinate", "duration", "region"}
            | {"scroll_direction", "scroll_amount"},
        ),
    ],
)
def test_tools_of_the_client_have_their_published_input(
    server: Running, tool: dict[str, Any], required: list[str], fields: set[str]
) -> None:
    answer = asked(server, tools=[{**tool, **CACHED}])
    (offered,) = performed(server).tools
    assert offered.name == tool["name"]
    assert offered.parameters["required"] == required
    assert set(offered.parameters["properties"]) == fields
    (block,) = answer["content"]
    assert (block["type"], block["name"]) == ("tool_use", tool["name"])
    assert "notes" not in answer["ingle"]


def test_actions_of_a_toolset_are_called_by_their_own_names(server: Running) -> None:
    computer = {"type": "computer_toolset_20260801", "configs": {"zoom": {"enabled": False}}}
    tools = [computer, {"type": "browser_toolset_20260801"}]
    turns = [{"role": "user", "content": 'call browser__navigate {"url": "https://example.com"}'}]
    answer = asked(server, tools=tools, messages=turns)
    offered = {tool.name: tool.parameters for tool in performed(server).tools}
    assert len(offered) == 16 + 31
    assert offered["computer__scroll"]["required"] == ["scroll_direction", "scroll_amount"]
    assert set(offered["browser__left_click"]["properties"]) == {"target", "modifiers", "tab_id"}
    (block,) = answer["content"]
    assert (block["name"], block["toolset_name"]) == ("navigate", "browser")
    assert block["input"] == {"url": "https://example.com"}
    (message,) = told(server, "assistant", block)
    assert message.tool_calls[0].name == "browser__navigate"
    body = {"model": "ember", "max_tokens": 9, "messages": turns, "tools": tools, "stream": True}
    streamed = server.post("/v1/messages", body).text
    assert '"name":"navigate"' in streamed
    assert '"toolset_name":"browser"' in streamed


@pytest.mark.parametrize(
    "kind",
    [
        "web_search_20260318",
        "web_fetch_20250910",
        "code_execution_20250825",
        "tool_search_tool_bm25_20251119",
        "advisor_20260301",
    ],
)
def test_hosted_tools_are_left_out_with_a_note(server: Running, kind: str) -> None:
    tools = [READ, {"type": kind, "name": "hosted", "max_uses": 5}]
    note = f"tools[1]: {kind} is a hosted tool, which is not available here; it was left out"
    assert asked(server, tools=tools)["ingle"]["notes"] == [note]
    assert [tool.name for tool in performed(server).tools] == ["Read"]
    message = refused(server, tools=tools, tool_choice={"type": "tool", "name": "hosted"})
    assert message == "tool_choice: hosted is a hosted tool, which is not available here"


def test_mcp_servers_are_refused(server: Running) -> None:
    servers = [{"type": "url", "url": "https://example.com/mcp", "name": "s"}]
    toolset = {"type": "mcp_toolset", "mcp_server_name": "s"}
    assert refused(server, mcp_servers=servers, tools=[toolset]).startswith("mcp_servers: ")
    assert asked(server, mcp_servers=[])


def test_a_schema_in_both_places(server: Running) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    shape = {"type": "json_schema", "schema": schema}
    for body in ({"output_config": {"format": shape}}, {"output_format": shape}):
        asked(server, **body)
        assert performed(server).schema == schema


def test_a_stop_sequence(server: Running) -> None:
    turns = [{"role": "user", "content": "stopped"}]
    answer = asked(server, messages=turns, stop_sequences=["END"])
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "END")


def test_no_tokens_read_the_prompt_only(server: Running) -> None:
    answer = asked(server, max_tokens=0)
    assert performed(server).max_tokens == 1
    assert answer["content"] == [{"type": "text", "text": ""}]
    assert answer["stop_reason"] == "max_tokens"
    assert (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"]) == (4, 0)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/messages/batches"),
        ("GET", "/v1/messages/batches"),
        ("GET", "/v1/messages/batches/msgbatch_1"),
        ("POST", "/v1/messages/batches/msgbatch_1/cancel"),
        ("GET", "/v1/files"),
    ],
)
def test_what_is_not_offered_is_not_found_in_its_own_shape(
    server: Running, method: str, path: str
) -> None:
    headers = {"anthropic-version": "2023-06-01"}
    answer = server.client.request(method, path, headers=headers)
    assert answer.status_code == 404
    found = answer.json()
    assert (found["type"], found["error"]["type"]) == ("error", "not_found_error")
    assert found["request_id"] == answer.headers["request-id"]
    assert path in found["error"]["message"]


def test_models_are_described_and_paged(server: Running) -> None:
    version = {"anthropic-version": "2023-06-01"}

    def page(query: str) -> Any:
        return server.get(f"/v1/models?{query}", **version).json()

    everything = page("")
    names = [model["id"] for model in everything["data"]]
    assert (everything["first_id"], everything["last_id"]) == (names[0], names[-1])
    assert everything["has_more"] is False
    first = page("limit=1")
    assert ([model["id"] for model in first["data"]], first["has_more"]) == (names[:1], True)
    rest = page(f"limit=1000&after_id={names[0]}")
    assert [model["id"] for model in rest["data"]] == names[1:]
    before = page(f"limit=1&before_id={names[2]}")
    assert ([model["id"] for model in before["data"]], before["has_more"]) == (names[1:2], True)
    assert page("lifecycle[]=retired")["data"] == []
    assert len(page("lifecycle[]=active&lifecycle[]=retired")["data"]) == len(names)
    for query, field in (("limit=0", "limit"), ("limit=1001", "limit"), ("after_id=x", "after_id")):
        answer = server.get(f"/v1/models?{query}", **version)
        assert answer.status_code == 400
        assert answer.json()["error"]["details"]["field"] == field
    one = server.get(f"/v1/models/{names[0]}", **version).json()
    assert one == everything["data"][0]
    assert (one["lifecycle"], one["max_input_tokens"], one["max_tokens"]) == ("active", 4096, 4096)
    assert one["capabilities"]["structured_outputs"] == {"supported": True}
    assert one["capabilities"]["image_input"] == {"supported": False}
