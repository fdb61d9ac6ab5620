"""The programs that ``ingle launch`` knows: one entry each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ingle.cli.launch.launch_program import LaunchProgram, ModelAccess

PROVIDER = "ingle"
"""What we are called in the settings of programs that have several providers."""
KEY_VARIABLE = "INGLE_LAUNCH_TOKEN"
"""Where a program finds the token that is told the name of a variable."""


def _claude(access: ModelAccess) -> Mapping[str, str]:
    aliases = ("OPUS", "SONNET", "HAIKU")  # every size of model that it may ask for
    return {
        "ANTHROPIC_BASE_URL": access.url,
        "ANTHROPIC_AUTH_TOKEN": access.token,
        "ANTHROPIC_MODEL": access.model,
        **{f"ANTHROPIC_DEFAULT_{alias}_MODEL": access.model for alias in aliases},
        "CLAUDE_CODE_SUBAGENT_MODEL": access.model,
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(access.answer),
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(access.context),
        "CLAUDE_CODE_AUTO_COMPACT_WINDOW": str(access.context),
        # It would change the beginning of each prompt, which is read from the cache else.
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


def _codex(access: ModelAccess) -> Sequence[str]:
    provider = f"model_providers.{PROVIDER}"
    settings: dict[str, str | int] = {
        "model": access.model,
        "model_provider": PROVIDER,
        f"{provider}.name": PROVIDER,
        f"{provider}.base_url": access.openai_url,
        f"{provider}.env_key": KEY_VARIABLE,
        f"{provider}.wire_api": "responses",
        "model_context_window": access.context,
    }
    # Its values are TOML, whose strings and numbers are written as those of JSON.
    return [part for name, value in settings.items() for part in ("-c", _toml(name, value))]


def _toml(name: str, value: str | int) -> str:
    return f"{name}={json.dumps(value)}"


def _opencode(access: ModelAccess) -> Mapping[str, str]:
    limit = {"context": access.context, "output": access.answer}
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": PROVIDER,
        "options": {"baseURL": access.openai_url, "apiKey": access.token},
        "models": {access.model: {"name": access.model, "limit": limit}},
    }
    chosen = f"{PROVIDER}/{access.model}"
    settings = {"model": chosen, "small_model": chosen, "provider": {PROVIDER: provider}}
    return {"OPENCODE_CONFIG_CONTENT": json.dumps(settings)}


def _copilot(access: ModelAccess) -> Mapping[str, str]:
    return {
        "COPILOT_PROVIDER_TYPE": "openai",
        "COPILOT_PROVIDER_BASE_URL": access.openai_url,
        "COPILOT_PROVIDER_API_KEY": access.token,
        "COPILOT_PROVIDER_MAX_PROMPT_TOKENS": str(access.context - access.answer),
        "COPILOT_PROVIDER_MAX_OUTPUT_TOKENS": str(access.answer),
        "COPILOT_MODEL": access.model,
        "COPILOT_OFFLINE": "true",
    }


def _openai(access: ModelAccess) -> Mapping[str, str]:
    return {"OPENAI_BASE_URL": access.openai_url, "OPENAI_API_KEY": access.token}


def _aider(access: ModelAccess) -> Mapping[str, str]:
    return {
        "OPENAI_API_BASE": access.openai_url,
        "OPENAI_API_KEY": access.token,
        "AIDER_MODEL": f"openai/{access.model}",
        "AIDER_WEAK_MODEL": f"openai/{access.model}",
        "AIDER_SHOW_MODEL_WARNINGS": "false",  # that its price is not known
        "AIDER_CHECK_UPDATE": "false",
        "AIDER_ANALYTICS": "false",
    }


def _llm(access: ModelAccess) -> Mapping[str, str]:
    # JSON is YAML, too.
    entry = {
        "model_id": PROVIDER,
        "model_name": access.model,
        "api_base": access.openai_url,
        "api_key_name": PROVIDER,
        "supports_tools": True,
        "supports_schema": True,
    }
    return {
        "extra-openai-models.yaml": json.dumps([entry]),
        "keys.json": json.dumps({PROVIDER: access.token}),
        "default_model.txt": PROVIDER,
    }


def _goose(access: ModelAccess) -> Mapping[str, str]:
    return {
        "GOOSE_PROVIDER": "openai",
        "GOOSE_MODEL": access.model,
        "GOOSE_CONTEXT_LIMIT": str(access.context),
        "OPENAI_HOST": access.url,
        "OPENAI_BASE_PATH": "v1/chat/completions",
        "OPENAI_API_KEY": access.token,
    }


def _qwen(access: ModelAccess) -> Mapping[str, str]:
    return {**_openai(access), "OPENAI_MODEL": access.model}


KNOWN = (
    LaunchProgram(
        name="claude",
        title="Claude Code",
        command="claude",
        install="npm install -g @anthropic-ai/claude-code",
        dialect="anthropic",
        needs=32768,
        prefers=65536,
        variables=_claude,
        unset=("ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX"),
    ),
    LaunchProgram(
        name="codex",
        title="Codex",
        command="codex",
        install="npm install -g @openai/codex",
        dialect="responses",
        needs=16384,
        prefers=65536,
        variables=lambda access: {KEY_VARIABLE: access.token},
        arguments=_codex,
    ),
    LaunchProgram(
        name="opencode",
        title="opencode",
        command="opencode",
        install="npm install -g opencode-ai",
        dialect="openai",
        needs=16384,
        prefers=65536,
        variables=_opencode,
    ),
    LaunchProgram(
        name="copilot",
        title="GitHub Copilot CLI",
        command="copilot",
        install="npm install -g @github/copilot",
        dialect="openai",
        needs=32768,
        prefers=65536,
        variables=_copilot,
        unset=("COPILOT_PROVIDER_WIRE_API", "COPILOT_PROVIDER_BEARER_TOKEN"),
    ),
    LaunchProgram(
        name="aider",
        title="aider",
        command="aider",
        install="pip install aider-chat",
        dialect="openai",
        needs=8192,
        prefers=32768,
        uses_tools=False,
        variables=_aider,
        unset=("AIDER_OPENAI_API_BASE", "AIDER_OPENAI_API_KEY"),
    ),
    LaunchProgram(
        name="llm",
        title="llm",
        command="llm",
        install="pip install llm",
        dialect="openai",
        needs=2048,
        prefers=8192,
        uses_tools=False,
        folder_variable="LLM_USER_PATH",
        files=_llm,
    ),
    LaunchProgram(
        name="goose",
        title="goose",
        command="goose",
        install="brew install block-goose-cli",
        dialect="openai",
        needs=16384,
        prefers=65536,
        variables=_goose,
        unset=("GOOSE_PROVIDER__HOST", "GOOSE_LEAD_MODEL"),
    ),
    LaunchProgram(
        name="qwen",
        title="Qwen Code",
        command="qwen",
        install="npm install -g @qwen-code/qwen-code",
        dialect="openai",
        needs=16384,
        prefers=65536,
        variables=_qwen,
        arguments=lambda access: ("--auth-type", "openai"),
    ),
)
PROGRAMS = {program.name: program for program in KNOWN}
