"""The pages of other programs: their settings lead to a model, their Python runs."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from ingle.cli.launch.programs import PROGRAMS

from .conftest import Machine
from .test_examples import ADDRESS, FRAMEWORKS, ROOT

PAGES = ROOT / "docs/guide/integrations"
ENVIRONMENTS = {"llama-index": "openai-2"}
"""Of those that ``make extras`` makes in ``.sdks``; of all others ``newest``."""
QUESTION = {"role": "user", "content": "What does grep -i do?"}
TOOL = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Read a file of the project",
        "parameters": {
            "type": "object",
            "properties": {"path": {"type": "string"}, "lines": {"type": "integer"}},
            "required": ["path"],
            "additionalProperties": False,
        },
    },
}
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


def blocks(page: str, language: str) -> list[str]:
    text = (PAGES / f"{page}.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def of_open_webui() -> list[tuple[str, dict[str, Any]]]:
    (text,) = blocks("open-webui", "yaml")
    variables = yaml.safe_load(text)["services"]["open-webui"]["environment"]
    url = variables["OPENAI_API_BASE_URL"]
    body = {"model": "ember", "messages": [QUESTION], "max_tokens": 8, **STREAMED}
    return [(f"{url}/models", {}), (f"{url}/chat/completions", body)]


def of_continue() -> list[tuple[str, dict[str, Any]]]:
    (text,) = blocks("continue", "yaml")
    chats, embeds = yaml.safe_load(text)["models"]
    assert (chats["provider"], embeds["provider"]) == ("openai", "openai")
    chat = {"model": chats["model"], "messages": [QUESTION], "max_tokens": 8, "stream": True}
    embed = {"model": embeds["model"], "input": ["def main():", "    pass"]}
    return [
        (f"{chats['apiBase']}/chat/completions", {**chat, "tools": [TOOL]}),
        (f"{embeds['apiBase']}/embeddings", embed),
    ]


def of_zed() -> list[tuple[str, dict[str, Any]]]:
    (text,) = blocks("zed", "json")
    (provider,) = json.loads(text)["language_models"]["openai_compatible"].values()
    (model,) = provider["available_models"]
    body = {
        "model": model["name"],
        "messages": [{"role": "system", "content": "You are an editor."}, QUESTION],
        "stop": [],
        "temperature": 1.0,
        "max_completion_tokens": 8,
        "parallel_tool_calls": model["capabilities"]["parallel_tool_calls"],
        "tools": [TOOL],
        **STREAMED,
    }
    return [(f"{provider['api_url']}/chat/completions", body)]


def of_vscode() -> list[tuple[str, dict[str, Any]]]:
    (text,) = blocks("vscode", "json")
    (provider,) = json.loads(text)
    assert (provider["vendor"], provider["apiType"]) == ("customendpoint", "chat-completions")
    (model,) = provider["models"]
    parts = [{"type": "text", "text": QUESTION["content"]}]
    body = {
        "model": model["id"],
        "messages": [{"role": "user", "content": parts}],
        "temperature": 0.1,
        "top_p": 1,
        "n": 1,
        "max_tokens": 8,
        "tools": [TOOL],
        "tool_choice": "auto",
        **STREAMED,
    }
    return [(model["url"], body)]


def of_llm() -> list[tuple[str, dict[str, Any]]]:
    (text,) = blocks("llm", "yaml")
    (entry,) = yaml.safe_load(text)
    body = {"model": entry["model_name"], "messages": [QUESTION], "max_tokens": 8, **STREAMED}
    return [(f"{entry['api_base']}/chat/completions", body)]


@pytest.mark.parametrize("asked", [of_open_webui, of_continue, of_zed, of_vscode, of_llm])
def test_the_settings_of_a_page_lead_to_a_model(
    machine: Machine, asked: Callable[[], list[tuple[str, dict[str, Any]]]]
) -> None:
    headers = {"Authorization": "Bearer none"}
    for url, body in asked():
        assert url.startswith(ADDRESS)
        place = url.replace(ADDRESS, machine.url)
        with httpx.Client(headers=headers, timeout=60) as client:
            answer = client.post(place, json=body) if body else client.get(place)
        assert answer.status_code == 200, answer.text
        if body.get("stream"):
            assert answer.text.rstrip().endswith("data: [DONE]")
        else:
            assert answer.json()["data"]


@pytest.mark.extras
@pytest.mark.parametrize("page", FRAMEWORKS)
def test_the_python_of_a_framework_runs(page: str, machine: Machine, tmp_path: Path) -> None:
    (code,) = blocks(page, "python")
    script = tmp_path / "example.py"
    script.write_text(code.replace(ADDRESS, machine.url))
    python = ROOT / ".sdks" / ENVIRONMENTS.get(page, "newest") / "bin/python"
    done = subprocess.run(
        [python, script], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_every_program_and_page_is_in_the_index() -> None:
    text = (PAGES / "index.md").read_text()
    pages = sorted(path.stem for path in PAGES.glob("*.md") if path.stem != "index")
    assert len(pages) == 13
    assert [page for page in pages if f"]({page}.md)" not in text] == []
    assert sorted(re.search(r"hidden:\n\n(.*?)```", text, re.DOTALL)[1].split()) == pages  # type: ignore[index]
    assert [
        name for name in PROGRAMS if f"`{name}`" not in text and f"launch {name}" not in text
    ] == []
