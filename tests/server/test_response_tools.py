"""Tools of the responses route, in the shapes that agents send."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingle.capabilities.chat.operation import Chat

from .running import Running

PATCH = '*** Begin Patch\n*** Add File: a.py\n+print("é\\n")\n*** End Patch'
LARK = 'start: "*** Begin Patch" /(.|\\n)*/ "*** End Patch"'
NAMESPACE = {
    "type": "namespace",
    "name": "mcp__sample__",
    "description": "Tools of sample.",
    "tools": [
        {
            "type": "function",
            "name": "search",
            "description": "Find.",
            "strict": False,
            "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
        }
    ],
}
APPLY_PATCH = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edit files. This is a FREEFORM tool, so do not wrap the patch in JSON.",
    "format": {"type": "grammar", "syntax": "lark", "definition": LARK},
}
CODEX_TOOLS = [
    {
        "type": "function",
        "name": "exec_command",
        "description": "Runs a command.",
        "strict": False,
        "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}},
    },
    APPLY_PATCH,
    NAMESPACE,
    {"type": "web_search", "external_web_access": False},
    {"type": "image_generation", "output_format": "png"},
]


def performed(server: Running) -> Chat:
    operation = server.node.performed[-1]
    assert isinstance(operation, Chat)
    return operation


def events(server: Running, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = server.post("/v1/responses", {**body, "stream": True})
    assert answer.status_code == 200, answer.text
    lines = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def call(name: str, arguments: object) -> str:
    return f"call {name} {json.dumps(arguments)}"


def test_the_tools_of_codex_are_offered_or_noted(server: Running) -> None:
    body = {
        "model": "ember",
        "instructions": "You are Codex.",
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": call("mcp__sample__search", {"query": "x"})}
                ],
            }
        ],
        "tools": CODEX_TOOLS,
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "0199",
        "client_metadata": {"x": "y"},
        "text": {"verbosity": "low"},
    }
    chunks = events(server, body)
    chat = performed(server)
    names = [tool.name for tool in chat.tools]
    assert names == ["exec_command", "apply_patch", "mcp__sample__search"]
    assert LARK in chat.tools[1].description
    assert chat.tools[1].parameters["required"] == ["input"]
    final = chunks[-1]["response"]
    assert final["ingle"]["notes"] == [
        "tools[1]: the grammar of apply_patch is described to the model but not enforced",
        "tools[3]: web_search is a hosted tool, which is not available here; it was left out",
        "tools[4]: image_generation is a hosted tool, which is not available here; it was left out",
    ]
    assert final["tools"] == CODEX_TOOLS
    reasoning, called = final["output"]
    assert reasoning["encrypted_content"]
    assert (called["type"], called["name"]) == ("function_call", "search")
    assert called["namespace"] == "mcp__sample__"
    assert json.loads(called["arguments"]) == {"query": "x"}
    assert len({item["id"] for item in final["output"]}) == 2


def test_a_custom_call_is_streamed_as_its_bare_input(server: Running) -> None:
    said = call("apply_patch", {"input": PATCH})
    chunks = events(server, {"input": said, "tools": [APPLY_PATCH]})
    kind = "response.custom_tool_call_input"
    assert "".join(c["delta"] for c in chunks if c["type"] == f"{kind}.delta") == PATCH
    (done,) = [c for c in chunks if c["type"] == f"{kind}.done"]
    assert done["input"] == PATCH
    (item,) = chunks[-1]["response"]["output"]
    assert item["id"] == done["item_id"]
    assert (item["type"], item["name"], item["input"]) == ("custom_tool_call", "apply_patch", PATCH)
    whole = server.post("/v1/responses", {"input": said, "tools": [APPLY_PATCH]}).json()
    assert whole["output"][0]["input"] == PATCH
    assert whole["output"][0]["id"] != item["id"]


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        (
            {"type": "local_shell"},
            {"command": ["ls", "-l"], "timeout_ms": 1000},
            {
                "type": "local_shell_call",
                "action": {
                    "type": "exec",
                    "command": ["ls", "-l"],
                    "env": {},
                    "timeout_ms": 1000,
                },
            },
        ),
        (
            {"type": "shell", "environment": {"type": "local"}},
            {"commands": ["ls"]},
            {
                "type": "shell_call",
                "action": {"commands": ["ls"], "timeout_ms": None, "max_output_length": None},
                "environment": {"type": "local"},
            },
        ),
        (
            {"type": "apply_patch"},
            {"type": "delete_file", "path": "a.py"},
            {"type": "apply_patch_call", "operation": {"type": "delete_file", "path": "a.py"}},
        ),
        (
            {"type": "tool_search", "execution": "client", "description": "Find tools."},
            {"query": "mail"},
            {"type": "tool_search_call", "execution": "client", "arguments": {"query": "mail"}},
        ),
    ],
)
def test_tools_of_the_client_are_called_in_their_own_form(
    server: Running, tool: dict[str, Any], arguments: object, expected: dict[str, Any]
) -> None:
    body = {"input": call(tool["type"], arguments), "tools": [tool]}
    chunks = events(server, body)
    (item,) = chunks[-1]["response"]["output"]
    assert expected.items() <= item.items()
    assert item["call_id"] == "call_0"
    assert item["status"] == "completed"
    assert [tool["type"]] == [tool.name for tool in performed(server).tools]
    whole = server.post("/v1/responses", body).json()["output"][0]
    assert expected.items() <= whole.items()


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "web_search_preview", "search_context_size": "low", "user_location": None},
        {"type": "web_search", "filters": {"allowed_domains": ["example.com"]}},
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {"type": "image_generation", "model": "gpt-image-2", "size": "1024x1024"},
        {
            "type": "computer_use_preview",
            "display_width": 1024,
            "display_height": 768,
            "environment": "browser",
        },
        {
            "type": "mcp",
            "server_label": "deepwiki",
            "server_url": "https://example.com/mcp",
            "require_approval": "never",
            "allowed_tools": ["ask"],
            "headers": {"a": "b"},
        },
        {"type": "tool_search"},
        {"type": "programmatic_tool_calling"},
        {"type": "of_another_year", "name": "x"},
    ],
)
def test_hosted_tools_are_left_out_with_a_note(server: Running, tool: dict[str, Any]) -> None:
    answer = server.post("/v1/responses", {"input": "hi", "tools": [tool]})
    assert answer.status_code == 200, answer.text
    assert performed(server).tools == []
    (note,) = answer.json()["ingle"]["notes"]
    assert note.startswith(f"tools[0]: {tool['type']} is a hosted tool")
    assert answer.json()["tools"] == [tool]


def test_a_shell_in_a_container_is_not_the_clients(server: Running) -> None:
    tool = {"type": "shell", "environment": {"type": "container_auto"}}
    answer = server.post("/v1/responses", {"input": "hi", "tools": [tool]}).json()
    assert performed(server).tools == []
    assert "shell is a hosted tool" in answer["ingle"]["notes"][0]


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        ({"type": "function", "name": "exec_command"}, "exec_command"),
        ({"type": "function", "name": "search"}, "mcp__sample__search"),
        ({"type": "custom", "name": "apply_patch"}, "apply_patch"),
        ("required", "required"),
    ],
)
def test_choices(server: Running, choice: object, name: str) -> None:
    body = {"input": "hi", "tools": CODEX_TOOLS, "tool_choice": choice}
    answer = server.post("/v1/responses", body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["tool_choice"] == choice
    assert performed(server).tool_choice == name


def test_allowed_tools(server: Running) -> None:
    allowed = [{"type": "custom", "name": "apply_patch"}, {"type": "web_search"}]
    choice = {"type": "allowed_tools", "mode": "required", "tools": allowed}
    body = {"input": "hi", "tools": CODEX_TOOLS, "tool_choice": choice}
    assert server.post("/v1/responses", body).status_code == 200
    assert [tool.name for tool in performed(server).tools] == ["apply_patch"]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"type": "web_search"}, "web_search is a hosted tool"),
        ({"type": "function", "name": "nothing"}, "'nothing', which is not one of the tools"),
        ({"name": "x"}, "tool_choice.type: this field is required"),
        ("sometimes", "not one of auto, none, required"),
    ],
)
def test_choices_that_cannot_be(server: Running, choice: object, message: str) -> None:
    body = {"input": "hi", "tools": CODEX_TOOLS, "tool_choice": choice}
    answer = server.post("/v1/responses", body)
    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]
    assert answer.json()["error"]["param"].startswith("tool_choice")
    assert "OpenAI" not in answer.text


def test_two_kinds_of_tool_cannot_share_a_name(server: Running) -> None:
    tools = [APPLY_PATCH, {"type": "apply_patch"}]
    answer = server.post("/v1/responses", {"input": "hi", "tools": tools})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "tools[1].name"


def test_tools_that_a_search_found_are_offered(server: Running) -> None:
    found = {
        "type": "tool_search_output",
        "call_id": "c",
        "execution": "client",
        "status": "completed",
        "tools": [NAMESPACE],
    }
    searched = {
        "type": "tool_search_call",
        "call_id": "c",
        "execution": "client",
        "arguments": {"query": "x"},
    }
    body = {
        "input": [{"role": "user", "content": call("mcp__sample__search", {})}, searched, found],
        "tools": [{"type": "tool_search", "execution": "client"}],
    }
    answer = server.post("/v1/responses", body).json()
    chat = performed(server)
    assert [tool.name for tool in chat.tools] == ["tool_search", "mcp__sample__search"]
    assert chat.messages[1].tool_calls[0].name == "tool_search"
    assert chat.messages[2].text == "Found: mcp__sample__"
    assert answer["output"][0]["namespace"] == "mcp__sample__"
