"""Stands in for a program that ``ingle launch`` runs: told of a model as the program is.

Writes down how it was started, asks its model one question in its own dialect, and ends with the
status that it was told. Run as ``python launched.py NAME RECORD ARGUMENTS...``.
"""

from __future__ import annotations

import json
import os
import sys
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

QUESTION = "What does grep -i do?"


def main(name: str, record: str, arguments: list[str]) -> int:
    url, key, model = globals()[f"as_{name}"](arguments)
    answer = ask(url, key, model)
    told = {
        "arguments": arguments,
        "environment": dict(os.environ),
        "url": url,
        "key": key,
        "answer": answer,
    }
    Path(record).write_text(json.dumps(told))
    return int(os.environ.get("LAUNCHED_STATUS", "0"))


def as_claude(arguments: list[str]) -> tuple[str, str, str]:
    of = os.environ
    assert "ANTHROPIC_API_KEY" not in of
    assert of["CLAUDE_CODE_SUBAGENT_MODEL"] == of["ANTHROPIC_DEFAULT_HAIKU_MODEL"]
    place = f"{of['ANTHROPIC_BASE_URL']}/v1/messages?beta=true"
    return place, of["ANTHROPIC_AUTH_TOKEN"], of["ANTHROPIC_MODEL"]


def as_codex(arguments: list[str]) -> tuple[str, str, str]:
    given = [arguments[at + 1] for at, part in enumerate(arguments) if part == "-c"]
    settings = tomllib.loads("\n".join(given))
    provider = settings["model_providers"][settings["model_provider"]]
    assert provider["wire_api"] == "responses"
    assert settings["model_context_window"] > 0
    return f"{provider['base_url']}/responses", os.environ[provider["env_key"]], settings["model"]


def as_opencode(arguments: list[str]) -> tuple[str, str, str]:
    settings = json.loads(os.environ["OPENCODE_CONFIG_CONTENT"])
    provider, _, model = settings["model"].partition("/")
    declared = settings["provider"][provider]
    assert declared["models"][model]["limit"]["context"] > 0
    return (
        f"{declared['options']['baseURL']}/chat/completions",
        declared["options"]["apiKey"],
        model,
    )


def as_copilot(arguments: list[str]) -> tuple[str, str, str]:
    of = os.environ
    place = f"{of['COPILOT_PROVIDER_BASE_URL']}/chat/completions"
    return place, of["COPILOT_PROVIDER_API_KEY"], of["COPILOT_MODEL"]


def as_aider(arguments: list[str]) -> tuple[str, str, str]:
    of = os.environ
    model = of["AIDER_MODEL"].removeprefix("openai/")
    return f"{of['OPENAI_API_BASE']}/chat/completions", of["OPENAI_API_KEY"], model


def as_llm(arguments: list[str]) -> tuple[str, str, str]:
    folder = Path(os.environ["LLM_USER_PATH"])
    (entry,) = json.loads((folder / "extra-openai-models.yaml").read_text())
    assert (folder / "default_model.txt").read_text() == entry["model_id"]
    key = json.loads((folder / "keys.json").read_text())[entry["api_key_name"]]
    return f"{entry['api_base']}/chat/completions", key, entry["model_name"]


def as_goose(arguments: list[str]) -> tuple[str, str, str]:
    of = os.environ
    assert of["GOOSE_PROVIDER"] == "openai"
    place = f"{of['OPENAI_HOST']}/{of['OPENAI_BASE_PATH']}"
    return place, of["OPENAI_API_KEY"], of["GOOSE_MODEL"]


def as_qwen(arguments: list[str]) -> tuple[str, str, str]:
    of = os.environ
    return f"{of['OPENAI_BASE_URL']}/chat/completions", of["OPENAI_API_KEY"], of["OPENAI_MODEL"]


def ask(url: str, key: str, model: str) -> Any:
    if url.endswith("/responses"):
        body: dict[str, Any] = {"model": model, "input": QUESTION, "max_output_tokens": 8}
    else:
        message = {"role": "user", "content": QUESTION}
        body = {"model": model, "messages": [message], "max_tokens": 8}
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
